"""A data set as the rows of a matrix, in the units in which it is stored.

Closed forms work in stored units: a picture is y = scale * u + shift with u the stored row, so
uint8 pictures enter as the integers they are (scale 2/255, shift -1) and their sums and squared
norms are exact. x enters as (x - shift) / scale and sigma as sigma / scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures

__all__ = ["DataMatrix"]

CHUNK_ELEMENTS = 1 << 19  # 4 MiB in float64: a chunk stays in the cache between its two products


@dataclass(frozen=True, eq=False)
class DataMatrix:
    """rows: (N, d), uint8 or float, one copy of the data; a picture is scale * row + shift.

    shape: (C, H, W). ids: int64 (N,), the pictures' ids, or positions for a plain tensor.
    """

    rows: Tensor
    shape: tuple[int, int, int]
    ids: Tensor
    scale: float
    shift: float

    @classmethod
    def of(cls, pictures: Pictures | Tensor) -> "DataMatrix":
        """The matrix of Pictures, of a uint8 tensor or of float latents (N, C, H, W).

        Raises InputError on any other type or shape, on no picture, and on values not finite.
        """
        if isinstance(pictures, Pictures):
            stored, ids = pictures.pixels, pictures.ids
            factor = 1.0 if pictures.scale is None else pictures.scale
        else:
            stored, ids, factor = torch.as_tensor(pictures), None, 1.0
        if stored.ndim != 4 or stored.numel() == 0:
            raise InputError(
                f"data of shape {tuple(stored.shape)}; give one picture or more as (N, C, H, W)"
            )
        if stored.dtype != torch.uint8:
            if stored.dtype not in (torch.float32, torch.float64):
                raise InputError(
                    f"data of {stored.dtype}; give uint8 pictures, or latents in float32 or float64"
                )
            if not bool(torch.isfinite(stored).all()):
                raise InputError("the data hold NaN or infinity; give finite values")
        if ids is None:
            ids = torch.arange(len(stored), device=stored.device)
        is_bytes = stored.dtype == torch.uint8
        n, channels, height, width = stored.shape
        return cls(
            rows=stored.detach().reshape(n, -1).contiguous(),
            shape=(channels, height, width),
            ids=ids,
            scale=2 / 255 if is_bytes else factor,
            shift=-1.0 if is_bytes else 0.0,
        )

    def chunks(self, size: int | None = None) -> Iterator[tuple[int, Tensor]]:
        """(first row number, rows as float64 (n, d)) for consecutive chunks of the data."""
        size = size or max(32, CHUNK_ELEMENTS // self.rows.shape[1])
        for start in range(0, len(self.rows), size):
            yield start, self.rows[start : start + size].double()

    def to(self, device: torch.device | str) -> "DataMatrix":
        """The same data on another device."""
        return DataMatrix(
            self.rows.to(device), self.shape, self.ids.to(device), self.scale, self.shift
        )
