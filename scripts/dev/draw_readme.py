"""Draw the picture of the README: one camera, six of its frames, and what the detector says of each.

Run as ``python -m scripts.dev.draw_readme`` in the test environment; it writes ``docs/images/frames.webp``. Scores,
verdicts and explanations are the detector's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from custom_components.timelapser.core.detection import Baseline, Detector, Evaluation
from custom_components.timelapser.core.models import Verdict
from scripts.dev.clock import Frame, draw_text
from scripts.dev.scene import Scene

TARGET: Final = Path(__file__).parents[2] / "docs" / "images" / "frames.webp"

FRAME_SIZE: Final = (1280, 720)
BEGIN: Final = datetime(2026, 6, 21, 14, 0, tzinfo=UTC)
INTERVAL: Final = timedelta(minutes=5)
LEARNING: Final = 8
"""Good frames that the detector sees before the ones that are shown."""
FROZEN: Final = 6
"""Slots in which the frozen camera sends its last picture; from the fifth on it is called frozen."""
DEW: Final = 14
"""Pixels that the fogged lens resolves."""

# Pixels of the drawing.
COLUMNS: Final = 3
PANEL: Final = (520, 292)
CAPTION: Final = 112
GAP: Final = 20
RADIUS: Final = 14

type Colour = tuple[int, int, int]

BACKGROUND: Final[Colour] = (18, 26, 48)
CARD: Final[Colour] = (32, 44, 76)
TEXT: Final[Colour] = (240, 243, 250)
QUIET: Final[Colour] = (168, 180, 208)
VERDICTS: Final[dict[Verdict, tuple[str, Colour]]] = {
    Verdict.GOOD: ("kept", (64, 170, 112)),
    Verdict.SUSPECT: ("kept, flagged", (214, 150, 44)),
    Verdict.BAD: ("rejected", (214, 72, 82)),
    Verdict.UNREADABLE: ("rejected", (214, 72, 82)),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One frame as it is shown: what happened to the camera, the bytes, and the detector's answer."""

    title: str
    data: bytes
    evaluation: Evaluation


class Camera:
    """A camera on the test landscape with a burnt-in clock, watched by the detector since a while ago."""

    def __init__(self) -> None:
        """Let the detector get to know the scene."""
        self._scene = Scene(*FRAME_SIZE, clock=False)
        self._detector = Detector(heavy=False)
        self._slot = 0
        self._baseline: Baseline | None = None
        for _ in range(LEARNING):
            self.look(_jpeg(self.view()))
        self._learned = self._baseline

    def again(self) -> None:
        """Go back to the slot after the learning, as if nothing had happened since."""
        self._slot, self._baseline = LEARNING, self._learned

    @property
    def now(self) -> datetime:
        """Return the instant of the present slot."""
        return BEGIN + self._slot * INTERVAL

    def view(self) -> Frame:
        """Return what the camera sees now, with its clock."""
        return self.with_clock(self._scene.render(self.now.timestamp()))

    def with_clock(self, frame: Frame) -> Frame:
        """Return a picture with the present time burnt in."""
        stamped = frame.copy()
        draw_text(stamped, f"{self.now:%Y-%m-%d %H:%M:%S}")
        return stamped

    def black(self) -> Frame:
        """Return what a dead sensor gives."""
        return self._scene.black()

    def look(self, data: bytes) -> Evaluation:
        """Let the detector judge a picture, and go on to the next slot."""
        evaluation = self._detector.evaluate(data, when=self.now, baseline=self._baseline)
        self._baseline = evaluation.baseline
        self._slot += 1
        return evaluation


def _jpeg(frame: Frame) -> bytes:
    """Return a picture as a camera's JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _cut(frame: Frame) -> bytes:
    """Return a JPEG whose transfer broke off."""
    data = _jpeg(frame)
    return data[: round(0.55 * len(data))]


def _smeared(frame: Frame) -> bytes:
    """Return a picture whose lower part a video decoder made up from the last row that it had."""
    smeared = frame.copy()
    row = round(0.62 * frame.shape[0])
    smeared[row:] = smeared[row]
    return _jpeg(smeared)


def _fogged(frame: Frame) -> bytes:
    """Return a picture through a lens with dew on it."""
    picture = Image.fromarray(frame)
    small = picture.resize((picture.width // DEW, picture.height // DEW), Image.Resampling.BOX)
    return _jpeg(np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC)))


def _frozen(camera: Camera) -> bytes:
    """Return the last of the pictures of a camera that repeats itself under a running clock."""
    picture = camera.view()
    for _ in range(FROZEN - 1):
        camera.look(_jpeg(camera.with_clock(picture)))
    return _jpeg(camera.with_clock(picture))


def panels() -> list[Panel]:
    """Return the six frames, each judged after the same good ones."""
    shown: list[tuple[str, Callable[[Camera], bytes]]] = [
        ("All is well", lambda camera: _jpeg(camera.view())),
        ("Dew on the lens", lambda camera: _fogged(camera.view())),
        ("The sensor has died", lambda camera: _jpeg(camera.black())),
        ("The transfer broke off", lambda camera: _cut(camera.view())),
        ("Packets of the stream were lost", lambda camera: _smeared(camera.view())),
        ("Frozen, but its clock runs on", _frozen),
    ]
    camera = Camera()
    result = []
    for title, make in shown:
        camera.again()
        data = make(camera)
        result.append(Panel(title, data, camera.look(data)))
    return result


def _loadable(data: bytes) -> Image.Image:
    """Return the pixels of a JPEG, those of a cut one as decoders leave them."""
    picture = Image.open(io.BytesIO(data))
    picture.draft("RGB", (2 * PANEL[0], 2 * PANEL[1]))
    try:
        picture.load()
    except OSError:
        picture = Image.open(io.BytesIO(data + b"\xff\xd9"))
    return picture.convert("RGB")


def _draw_panel(sheet: Image.Image, panel: Panel, left: int, top: int) -> None:
    """Draw one frame with its caption on the sheet."""
    width, height = PANEL
    card = Image.new("RGB", (width, height + CAPTION), CARD)
    card.paste(_loadable(panel.data).resize(PANEL, Image.Resampling.LANCZOS))
    draw = ImageDraw.Draw(card)
    evaluation = panel.evaluation
    score = "–" if evaluation.score is None else f"{evaluation.score:.0f}"
    draw.text((66, height + CAPTION / 2), score, TEXT, ImageFont.load_default(size=54), anchor="mm")
    draw.text((132, height + 38), panel.title, TEXT, ImageFont.load_default(size=25), anchor="lm")
    words = evaluation.faults[0].words.partition(" (")[0] if evaluation.faults else "no fault"
    draw.text((132, height + 74), words, QUIET, ImageFont.load_default(size=19), anchor="lm")
    word, colour = VERDICTS[evaluation.verdict]
    font = ImageFont.load_default(size=20)
    pill = 32 + round(font.getlength(word))
    draw.rounded_rectangle((width - 16 - pill, 16, width - 16, 52), 18, colour)
    draw.text((width - 16 - pill / 2, 33), word, (255, 255, 255), font, anchor="mm")
    mask = Image.new("L", card.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, card.width - 1, card.height - 1), RADIUS, 255)
    sheet.paste(card, (left, top), mask)


def draw_sheet(shown: list[Panel]) -> Image.Image:
    """Return the frames in rows."""
    rows = -(-len(shown) // COLUMNS)
    step = PANEL[0] + GAP, PANEL[1] + CAPTION + GAP
    sheet = Image.new("RGB", (COLUMNS * step[0] + GAP, rows * step[1] + GAP), BACKGROUND)
    for index, panel in enumerate(shown):
        _draw_panel(sheet, panel, GAP + index % COLUMNS * step[0], GAP + index // COLUMNS * step[1])
    return sheet


def main() -> None:
    """Write the picture, and say what is on it."""
    shown = panels()
    for panel in shown:
        faults = ", ".join(f"{fault.kind} {fault.severity:.2f}" for fault in panel.evaluation.faults)
        print(f"{panel.title}: {panel.evaluation.score} {panel.evaluation.verdict} {faults}")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(shown).save(TARGET, quality=82, method=6)


if __name__ == "__main__":
    main()
