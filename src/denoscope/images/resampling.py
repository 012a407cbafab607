"""Area resampling of uint8 pictures, exact to the last integer.

An output pixel is the mean of the input area it covers. In units of 1/out of an input pixel every
overlap is an integer, so the mean is an integer sum over in_h * in_w, rounded once (half up): no
filter table, no intermediate rounding, the same bits on every machine. At integer ratios this is
the plain block mean.
"""

import numpy as np

from denoscope.errors import InputError

__all__ = ["area_resample", "centre_crop", "check_size"]


def check_size(size: int | None) -> None:
    """Raises InputError unless size is None or a whole number of at least 1."""
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise InputError(f"picture size {size!r}; give a whole number of pixels, 1 or more")


def centre_crop(pictures: np.ndarray) -> np.ndarray:
    """The largest centred square of (..., H, W), a view; an odd pixel more is cut at the end."""
    height, width = pictures.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pictures[..., top : top + side, left : left + side]


def area_resample(pictures: np.ndarray, size: int) -> np.ndarray:
    """uint8 (..., H, W) -> uint8 (..., size, size): centre crop, then the mean over each area."""
    square = centre_crop(pictures)
    side = square.shape[-1]
    if side == size:
        return np.ascontiguousarray(square)
    overlap = _overlaps(side, size)  # (size, side), rows sum to side
    # 255 * side < 2^24 keeps the first product exact in float32; the second is small, and float64.
    kind = np.float32 if 255 * side < 1 << 24 else np.float64
    columns = square.astype(kind) @ overlap.T.astype(kind)
    sums = overlap.astype(np.float64) @ columns.astype(np.float64)
    return np.floor((2 * sums + side * side) / (2 * side * side)).astype(np.uint8)


def _overlaps(side: int, size: int) -> np.ndarray:
    """Length of input pixel j inside output pixel i, times size: int64 (size, side)."""
    out, into = np.arange(size)[:, None], np.arange(side)[None, :]
    right = np.minimum((out + 1) * side, (into + 1) * size)
    left = np.maximum(out * side, into * size)
    return np.clip(right - left, 0, None)
