"""Rows that a camera or a decoder made up: bands of noise, and columns that go on as streaks."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .kernels import RUN, runs as runs_of

SECTIONS: Final = 8
"""Parts of the width; a band of noise crosses all of them, a burnt-in clock does not."""
SECTIONS_HIT: Final = 7
SAMPLE: Final = 16
"""Pixels looked at in the middle of each section of a row."""
UNIT_ROWS: Final = 720
"""Rows of a picture in which a row is one unit thick; larger pictures have thicker bands when they were enlarged."""
BAND_ROWS: Final = 7
"""Rows, of 720, up to which lively rows are a band: a readout fails by rows, texture is thicker."""
RIM: Final = 16
"""Rows at the top and at the bottom that are left out: a bar code that a camera burns in there is as lively."""
BAND_RATIO: Final = 2
BAND_EXCESS: Final = 5
"""A row of noise is so many times, and so many levels, livelier than rows above and below: of 3,087 clean pictures
none has a row that is so over 7 of 8 sections."""

STREAK_STEP: Final = 4
"""Every so many-th row of 720 is looked at for streaks, in proportion in larger pictures: enlarged ones are smooth."""
STREAK_STEPS: Final = 90
"""Rows to look at, at least, in smaller pictures."""
STREAK_REACH: Final = 3
"""Steps up and down over which columns must go on: 24 rows of 720 in all, more than a block."""
STREAK_BEND: Final = 0.4
STREAK_NOISE: Final = 0.1
"""How little may change along a streak: a part of the change across the columns, and levels. Concealment repeats or
interpolates rows; fences, grass and walls have their noise."""
LIVELY: Final = (0.4, 0.6)
"""Levels of change across the columns without which a run says nothing, and under which it says little: half a level is
rounding, which a low bitrate draws out into lines of its own."""
CLEAREST: Final = 6.0
"""Levels that a change across counts for at most, so that a sharp edge may not bend more than others."""
LIVELY_SHARE: Final = 0.3
"""Share of the runs of a row that must say something: a door frame before a plain wall does not make a row."""
STREAKED: Final = 0.7
"""Share of those that must go on."""
USUAL: Final = 0.25
USUAL_EXCESS: Final = 0.45
"""And so much more than in the quarter of the rows in which fewest do: in the dark, and where a low bitrate or a shake
has flattened everything, half of the runs go on by chance in every row, and now and then 0.7 to 0.8 of a few."""
SURELY_STREAKED: Final = 0.8
"""Share from which a row is streaked whatever the others are, and however faint: most of the picture may be."""

ROW_FEATURES: Final[Mapping[str, str]] = {
    "band_count": "bands of noise across the picture, each up to 7 rows of 720 thick",
    "band_share": "share of the height that they take up, 0..1",
    "band_top": "where the first one lies, share of the height, 0..1",
    "streak_share": "longest part of the height in which columns go on unchanged or evenly 12 rows up and down, more "
    "of them than do in the picture by chance, 0..1",
    "streak_top": "where it begins, share of the height, 0..1",
}
"""The measurements of rows."""


def measure_rows(luma: NDArray[np.uint8], runs: NDArray[np.int16]) -> dict[str, float]:
    """Measure rows of a plane and of its runs; every key of ROW_FEATURES is in the result."""
    return _bands(luma) | _streaks(runs)


def unit_of(height: int) -> int:
    """Return how many rows one row of a picture of 720 rows is thick, at least 1."""
    return max(1, round(height / UNIT_ROWS))


def _bands(luma: NDArray[np.uint8]) -> dict[str, float]:
    """Measure bands of noise: rows far livelier than those a band's thickness away."""
    height, width = luma.shape
    section = width // SECTIONS
    sample = min(SAMPLE, section // RUN * RUN)
    thick = BAND_ROWS * unit_of(height)
    if height <= 4 * thick or not sample:
        return {"band_count": 0.0, "band_share": 0.0, "band_top": 0.0}
    parts = luma[:, : section * SECTIONS].reshape(height, SECTIONS, section)
    middle = parts[:, :, (section - sample) // 2 :][:, :, :sample]
    # What is taken of a section is copied as one item, as pixel by pixel takes twice as long.
    pixels = np.ascontiguousarray(middle.view(f"V{sample}")).view(np.uint8).reshape(-1)
    steps = np.zeros_like(pixels)
    np.subtract(np.maximum(pixels[:-1], pixels[1:]), np.minimum(pixels[:-1], pixels[1:]), out=steps[:-1])
    steps[sample - 1 :: sample] = 0
    first, *others = runs_of(steps.reshape(-1, sample)).T
    lively: NDArray[np.int16] = sum(others, first).reshape(height, SECTIONS)
    # The rows beyond the rim are those before it, mirrored.
    rows = np.concatenate((lively[2 * thick : 0 : -1], lively, lively[-2 : -2 * thick - 2 : -1]))
    far_above, above, below, far_below = (rows[by * thick :][:height] for by in (0, 1, 3, 4))
    around = np.maximum(np.minimum(above, far_above), np.minimum(below, far_below))
    hot = kernels.counts(lively > BAND_RATIO * around + np.int16(BAND_EXCESS * (sample - 1))) >= SECTIONS_HIT
    hot[:RIM] = hot[height - RIM :] = False
    begins, ends = _stretches(hot)
    bands = ends - begins <= thick
    if not bands.any():
        return {"band_count": 0.0, "band_share": 0.0, "band_top": 0.0}
    return {
        "band_count": float(np.count_nonzero(bands)),
        "band_share": float((ends - begins)[bands].sum()) / height,
        "band_top": float(begins[bands][0]) / height,
    }


def _stretches(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where stretches of true begin and end (the row after the last)."""
    rimmed = np.zeros(mask.size + 2, np.bool_)
    rimmed[1:-1] = mask
    edges = np.flatnonzero(rimmed[1:] != rimmed[:-1])
    return edges[0::2], edges[1::2]


def _streaks(runs: NDArray[np.int16]) -> dict[str, float]:
    """Measure the longest stretch of rows along whose columns nothing happens, while much does across them."""
    height = runs.shape[0]
    step = max(1, min(STREAK_STEP, height // STREAK_STEPS), round(STREAK_STEP * height / UNIT_ROWS))
    rows = runs[::step].astype(np.float32) / RUN
    count = rows.shape[0] - 2 * STREAK_REACH
    if count < 1 or rows.shape[1] < 3:
        return {"streak_share": 0.0, "streak_top": 0.0}
    middle = rows[STREAK_REACH:-STREAK_REACH]
    across = np.abs(middle[:, 1:-1] - (middle[:, :-2] + middle[:, 2:]) / 2)
    bends = np.zeros_like(middle)
    for reach in (STREAK_REACH - 1, STREAK_REACH):
        above, below = (rows[STREAK_REACH + way * reach :][:count] for way in (-1, 1))
        np.maximum(bends, np.abs(middle - (above + below) / 2), out=bends)
    even = bends[:, 1:-1] <= STREAK_BEND * np.clip(across, 0, CLEAREST) + STREAK_NOISE
    faint, clear = (_telling(across >= least, even) for least in LIVELY)
    begins, ends = _stretches((faint >= SURELY_STREAKED) | (clear >= _streaked(clear)))
    if not begins.size:
        return {"streak_share": 0.0, "streak_top": 0.0}
    longest = int((ends - begins).argmax())
    return {
        "streak_share": int((ends - begins)[longest]) * step / height,
        "streak_top": int(begins[longest]) * step / height,
    }


def _telling(lively: NDArray[np.bool_], even: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each row which share of the runs that say something go on; -1 where too few do."""
    said = kernels.counts(lively)
    shares: NDArray[np.float64] = kernels.counts(lively & even) / np.maximum(1, said)
    shares[said < LIVELY_SHARE * lively.shape[1]] = -1
    return shares


def _streaked(shares: NDArray[np.float64]) -> float:
    """Return the share from which a row is streaked, beside those of all rows that say something."""
    telling = shares[shares >= 0]
    if not telling.size:
        return STREAKED
    rank = int(USUAL * (telling.size - 1))
    usual = float(np.partition(telling, rank)[rank])
    return max(STREAKED, min(SURELY_STREAKED, usual + USUAL_EXCESS))
