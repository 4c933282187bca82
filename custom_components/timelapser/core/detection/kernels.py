"""The few pixel primitives: numpy, or OpenCV where it is quicker and can be imported."""

from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

type Bytes2D = NDArray[np.uint8]
type Floats2D = NDArray[np.float32]

opencv_calls = 0
"""Calls made into OpenCV since import; the test-suite proves with it that OpenCV was used."""


def _import_opencv() -> ModuleType | None:
    """Return OpenCV, or None where it is not installed or cannot be loaded."""
    try:
        import cv2  # noqa: PLC0415
    except ImportError, AttributeError:
        return None
    return cv2


_cv2 = _import_opencv()


_LANE_SUM = np.uint64(0x0001_0001_0001_0001)
_TOP_LANE = np.uint64(48)
"""A product with the first has in its top 16 bits the sum of the four 16-bit numbers in a 64-bit one."""
_EVEN_BYTES = np.uint64(0x00FF_00FF_00FF_00FF)
_BYTE = np.uint64(8)
_RUNS_AT_A_TIME = 20_000
"""Runs whose sums are made at once: they take a third of a megabyte, which stays in the processor's own memory."""
_LOW_BYTE = np.uint16(0xFF)
_HIGH_BYTE = np.uint16(8)

RUN: Final = 8
"""Pixels in a run: the width of a transform block."""
RUNS: Final = 120
"""Runs of a row that are looked at, about: every one up to 960 pixels, every other one of 1920."""
LEAST_RUNS: Final = 8
"""Runs of a row under which a picture is too narrow to say anything."""


def available() -> bool:
    """Return whether OpenCV serves the kernels that it is quicker at."""
    return _cv2 is not None


def _counted(calls: int = 1) -> None:
    """Count calls into OpenCV."""
    global opencv_calls  # noqa: PLW0603
    opencv_calls += calls


def shrink(plane: Bytes2D, factor: int) -> Bytes2D:
    """Return the means of factor x factor blocks, rounded; rows and columns that do not fill a block are left out.

    ``factor`` is 1..16, so that a block's sum fits 16 bits. From 4 on two rows of a block stand for all of them, and
    where it is even and 8 or more, every second column of the one and the others of the other: the one pass over all
    pixels reads less, and about as many of them are in a mean whatever the size of the picture, so that in each as much
    noise is left.
    """
    if factor == 1:
        return plane
    height, width = plane.shape[0] // factor, plane.shape[1] // factor
    plane = plane[: height * factor, : width * factor]
    if _cv2 is not None and factor == 2:
        _counted()
        halved: Bytes2D = _cv2.resize(plane, (width, height), interpolation=_cv2.INTER_AREA)
        return halved
    taken = (0, factor // 2) if factor >= 4 else range(factor)
    columns = 2 if factor >= 8 and factor % 2 == 0 else 1
    rows = plane[0::factor, ::columns].astype(np.uint16)
    for row in taken[1:]:
        rows += plane[row::factor, columns - 1 :: columns]
    pixels = len(taken) * factor // columns
    total = sums_across(rows, factor // columns)
    total += np.uint16(pixels // 2)
    total //= np.uint16(pixels)
    means: Bytes2D = total.astype(np.uint8)
    return means


def three_quarters(plane: Bytes2D) -> Bytes2D:
    """Return three pixels for every four along both axes; rows and columns that do not fill four are left out."""
    height, width = plane.shape[0] // 4 * 4, plane.shape[1] // 4 * 4
    wide = np.pad(plane[:height, :width].astype(np.int16), 1, mode="edge")
    narrow = _threes_of_fours(_threes_of_fours(wide).T).T
    return np.ascontiguousarray(np.clip(narrow, 0, 255, out=narrow).astype(np.uint8))


def _threes_of_fours(lines: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return three lines for every four, the first and the last of which stand for what lies beyond the rim.

    Each is about what a pixel 4/3 as wide would see: of a wave of f cycles a line sinc(4/3 f), by least squares up to
    0.4. A plain mean of what it covers would see less of the finest detail than the means of whole numbers do.
    """
    count = (len(lines) - 2) // 4
    before, first, second, third, fourth, after = (lines[at::4][:count] for at in range(6))
    narrow = np.empty((count, 3, *lines.shape[1:]), np.int16)
    narrow[:, 0] = 49 * first + 16 * second + before - 2 * third
    narrow[:, 1] = 36 * (second + third) - 4 * (first + fourth)
    narrow[:, 2] = 49 * fourth + 16 * third + after - 2 * second
    narrow += 32
    narrow >>= 6
    return narrow.reshape(3 * count, *lines.shape[1:])


def sums_across(rows: NDArray[np.uint16], count: int) -> NDArray[np.uint16]:
    """Return the sums, under 65536, of ``count`` neighbours each along contiguous rows, whose memory may be used up."""
    step = count
    if count % 4 == 0:
        rows = _sums_of_four(rows).astype(np.uint16)
        step = count // 4
    if step == 1:
        return rows
    # All neighbours are added along one long line, which is quicker than to pick every so many-th before.
    line, total = rows.ravel(), np.empty_like(rows)
    sums = total.ravel()[: line.size - step + 1]
    np.add(line[: sums.size], line[1 : sums.size + 1], out=sums)
    for column in range(2, step):
        sums += line[column : sums.size + column]
    return total[:, 0::step].copy()


def _sums_of_four(rows: NDArray[np.uint16]) -> NDArray[np.uint64]:
    """Return the sums, under 65536, of four neighbours each, in the memory of the contiguous rows that they are of."""
    lanes = rows.view(np.uint64)
    lanes *= _LANE_SUM
    lanes >>= _TOP_LANE
    return lanes


def runs(plane: Bytes2D) -> NDArray[np.int16]:
    """Return the sums of runs of 8 pixels, 0..2040, that begin at multiples of 8: (height, about RUNS or fewer).

    Columns that do not fill a run are left out. Eight bytes at a time are added as one 64-bit number.
    """
    count = plane.shape[1] // RUN
    plane = plane[:, : count * RUN]
    if plane.strides[1] != 1:
        plane = np.ascontiguousarray(plane)
    lanes = plane.view(np.uint64)[:, :: max(1, round(count / RUNS))]
    sums = np.empty(lanes.shape, np.int16)
    step = max(1, _RUNS_AT_A_TIME // max(1, lanes.shape[1]))
    room = np.empty((2, step, lanes.shape[1]), np.uint64)
    for top in range(0, len(lanes), step):
        taken = lanes[top : top + step]
        even, odd = room[:, : len(taken)]
        np.copyto(even, taken)
        np.right_shift(even, _BYTE, out=odd)
        even &= _EVEN_BYTES
        odd &= _EVEN_BYTES
        even += odd
        even *= _LANE_SUM
        even >>= _TOP_LANE
        sums[top : top + step] = even
    return sums


def counts(mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return how many of each row are true."""
    # Bytes are summed most quickly; so many as a byte counts.
    narrow = np.uint8 if mask.shape[1] < 256 else np.uint32
    found: NDArray[np.uint32] = np.add.reduce(mask.view(np.uint8), axis=1, dtype=narrow).astype(np.uint32)
    return found


def halve(plane: Floats2D) -> Floats2D:
    """Return the means of 2 x 2 blocks; an odd last row or column is left out."""
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    plane = plane[: height * 2, : width * 2]
    if _cv2 is not None:
        _counted()
        halved: Floats2D = _cv2.resize(plane, (width, height), interpolation=_cv2.INTER_AREA)
        return halved
    rows = plane[0::2] + plane[1::2]
    total: Floats2D = rows[:, 0::2] + rows[:, 1::2]
    total *= np.float32(0.25)
    return total


def halve_bytes(plane: Bytes2D) -> Floats2D:
    """Return the means of 2 x 2 blocks as ``halve`` does, of bytes: two at a time are added as one number."""
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    pairs = np.ascontiguousarray(plane[: height * 2, : width * 2]).view(np.uint16)
    sums = pairs & _LOW_BYTE
    sums += pairs >> _HIGH_BYTE
    total = (sums[0::2] + sums[1::2]).astype(np.float32)
    total *= np.float32(0.25)
    return total


def histogram(plane: Bytes2D) -> NDArray[np.int64]:
    """Return how many pixels have each of the 256 levels."""
    if _cv2 is not None:
        _counted()
        counts: NDArray[np.int64] = _cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.int64)
        return counts
    return np.bincount(plane.ravel(), minlength=256)


def detail(plane: Bytes2D) -> tuple[float, NDArray[np.int16]]:
    """Return the mean squared Laplacian (4-neighbour), and the absolute residual at every inner pixel, 0..2040.

    The residual is the second difference along both axes (Immerkaer 1996): blind to flat areas, ramps and straight
    edges along the axes, it answers to noise.
    """
    height, width = plane.shape
    # Rows are taken as one long line, which is quicker; what runs over a rim is left out in the end.
    line = plane.astype(np.int16).ravel()
    steps = line[width:] - line[:-width]
    down = steps[width:] - steps[:-width]
    inner = line[width:-width]
    steps = inner[1:] - inner[:-1]
    across, both = np.empty((2, height - 2, width), np.int16)
    np.subtract(steps[1:], steps[:-1], out=across.ravel()[:-2])
    across.ravel()[:-2] += down[1:-1]
    steps = down[1:] - down[:-1]
    np.subtract(steps[1:], steps[:-1], out=both.ravel()[:-2])
    np.abs(both, out=both)
    energies = across[:, :-2].astype(np.float32)
    return float(np.vdot(energies, energies)) / energies.size, both[:, :-2]


def laplacian(plane: Floats2D) -> Floats2D:
    """Return the absolute Laplacian (4-neighbour) of the inner pixels, levels."""
    if _cv2 is not None:
        _counted()
        response: Floats2D = np.abs(_cv2.Laplacian(plane, _cv2.CV_32F)[1:-1, 1:-1])
        return response
    height, width = plane.shape
    line = plane.ravel()  # as in ``detail``
    response = np.empty((height - 2, width), np.float32)
    inner = response.ravel()[:-2]
    np.multiply(line[width + 1 : -width - 1], np.float32(-4), out=inner)
    for first in (1, width, width + 2, 2 * width + 1):
        inner += line[first : first + inner.size]
    absolute: Floats2D = np.abs(response[:, :-2])
    return absolute


def energy(plane: Floats2D) -> float:
    """Return the mean square of a contiguous plane."""
    if _cv2 is not None:
        _counted()
        return float(_cv2.norm(plane, _cv2.NORM_L2SQR)) / plane.size
    return float(np.vdot(plane, plane)) / plane.size


def cell_extremes(plane: Bytes2D, size: int) -> tuple[Bytes2D, Bytes2D]:
    """Return the lowest and the highest level of size x size cells; what does not fill a cell is left out."""
    height, width = plane.shape[0] // size, plane.shape[1] // size
    cells = plane[: height * size, : width * size].reshape(height, size, width * size)
    low, high = np.minimum.reduce(cells, axis=1), np.maximum.reduce(cells, axis=1)
    # Along the first axis numpy compares whole rows.
    lowest = np.minimum.reduce(np.ascontiguousarray(low.reshape(-1, size).T), axis=0)
    highest = np.maximum.reduce(np.ascontiguousarray(high.reshape(-1, size).T), axis=0)
    return lowest.reshape(height, width), highest.reshape(height, width)


def cell_means(plane: NDArray[np.integer], size: int) -> Floats2D:
    """Return the means of size x size cells; what does not fill a cell is left out.

    Planes of 8 and 16 bits hold no negative number, and no larger one than 65535 / size; where the size is a multiple
    of 4, no larger one than a quarter of that.
    """
    height, width = plane.shape[0] // size, plane.shape[1] // size
    if plane.dtype == np.int16:
        plane = plane.view(np.uint16)
    cells = plane[: height * size].reshape(height, size, -1)[:, :, : width * size]
    rows = np.ascontiguousarray(np.add.reduce(cells, axis=1, dtype=np.uint16 if plane.itemsize <= 2 else np.int32))
    step = size
    if size % 4 == 0 and rows.itemsize == 2:
        rows, step = _sums_of_four(rows), size // 4
    total: Floats2D = rows[:, 0::step].astype(np.float32)
    for column in range(1, step):
        total += rows[:, column::step]
    total /= np.float32(size * size)
    return total
