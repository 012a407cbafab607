"""Arrays of pictures in whatever layout, as chunks of uint8 (n, C, H, W) of the wanted size."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from denoscope.errors import InputError
from denoscope.images.decoding import decode
from denoscope.images.pictures import Pictures
from denoscope.images.resampling import area_resample

__all__ = ["CHUNK_BYTES", "Layout", "pictures_of_chunks"]

CHUNK_BYTES = 1 << 24


class Layout:
    """How an array of pictures is laid out: (N, H, W), (N, H, W, C) or (N, C, H, W), C = 1 or 3.

    Where both ends could be channels, the last is taken. Raises InputError on anything else.
    """

    def __init__(self, shape: Sequence[int], what: str) -> None:
        if 0 in shape:
            raise InputError(f"{what}: shape {tuple(shape)} holds no picture")
        if len(shape) == 3:
            self.kind, self.shape = "NHW", (shape[0], 1, shape[1], shape[2])
        elif len(shape) == 4 and shape[3] in (1, 3):
            self.kind, self.shape = "NHWC", (shape[0], shape[3], shape[1], shape[2])
        elif len(shape) == 4 and shape[1] in (1, 3):
            self.kind, self.shape = "NCHW", (shape[0], shape[1], shape[2], shape[3])
        else:
            raise InputError(
                f"{what}: shape {tuple(shape)} is not a set of pictures; "
                "give (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3"
            )

    def nchw(self, array: np.ndarray) -> np.ndarray:
        """(n, ...) in this layout -> (n, C, H, W), a view."""
        if self.kind == "NHW":
            return array[:, None]
        return array.transpose(0, 3, 1, 2) if self.kind == "NHWC" else array


def pictures_of_chunks(
    shape: tuple[int, int, int, int],
    chunks: Callable[[], Iterator[np.ndarray]],
    *,
    size: int | None,
    source: str,
    origins: Sequence[str] | None,
    identity: tuple[object, ...],
) -> Pictures:
    """Pictures of decoded chunks (n, C, H, W) of one size, resampled to `size` on the way."""
    count, channels, height, width = shape
    if size is None or (height, width) == (size, size):
        whole = decode(shape, chunks, identity)
    else:
        whole = decode(
            (count, channels, size, size),
            lambda: (area_resample(chunk, size) for chunk in chunks()),
            (*identity, size),
        )
    return Pictures.from_tensor(torch.from_numpy(whole), source, origins)
