"""A data set as the rows of a matrix, in the units in which it is stored.

Closed forms work in stored units: a picture is y = scale * (u + origin) + shift, with u a row.
uint8 pictures enter as the integers v - 128 (scale 2/255, shift -1, origin 128), so their sums and
squared norms are exact. Latents enter less their mean, the origin: far from zero, products of rows
would be all offset. x enters as (x - shift) / scale - origin and sigma as sigma / scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures, centred
from denoscope.images.integers import GREY, INT32_CONTRACTION, int8_pays

__all__ = ["DataMatrix"]

CHUNK_ELEMENTS = 1 << 20  # 4 MiB in float32: a chunk stays in the cache while it is multiplied


@dataclass(frozen=True, eq=False)
class DataMatrix:
    """stored: (N, d), uint8 or float, one copy of the data, of which `rows` and `chunks` make u.

    shape: (C, H, W). ids: int64 (N,), the pictures' ids, or positions for a plain tensor.
    origin: float64 (d,), the mean of latents; 128 for bytes.
    """

    stored: Tensor
    shape: tuple[int, int, int]
    ids: Tensor
    scale: float
    shift: float
    origin: Tensor

    @property
    def counts_fast(self) -> bool:
        """Whether products are best taken of whole numbers: of bytes, where int8 products pay."""
        return (
            self.stored.dtype == torch.uint8
            and self.stored.shape[1] <= INT32_CONTRACTION
            and int8_pays(self.stored.device)
        )

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
        flat = stored.detach().reshape(n, -1).contiguous()
        return cls(
            stored=flat,
            shape=(channels, height, width),
            ids=ids,
            scale=2 / 255 if is_bytes else factor,
            shift=-1.0 if is_bytes else 0.0,
            origin=flat.new_full(flat.shape[1:], GREY, dtype=torch.float64)
            if is_bytes
            else flat.mean(0, dtype=torch.float64),
        )

    def __len__(self) -> int:
        return len(self.stored)

    def rows(self, which: slice | Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """u of some pictures, (n, d)."""
        taken = isinstance(which, Tensor)
        stored = self.stored.index_select(0, which) if taken else self.stored[which]
        if stored.dtype == torch.uint8:
            return centred(stored).to(dtype)
        return (stored.double() - self.origin).to(dtype)

    def slices(self, size: int | None = None) -> Iterator[slice]:
        """Consecutive chunks of the data."""
        size = size or max(32, CHUNK_ELEMENTS // self.stored.shape[1])
        yield from (slice(start, start + size) for start in range(0, len(self), size))

    def chunks(
        self, size: int | None = None, dtype: torch.dtype = torch.float64
    ) -> Iterator[tuple[int, Tensor]]:
        """(first row number, u as (n, d)) for consecutive chunks of the data.

        All in one buffer, each until the next is asked for: new memory for each would cost more
        than to fill it.
        """
        buffer = None
        for part in self.slices(size):
            stored = self.stored[part]
            if buffer is None:
                buffer = stored.new_empty(stored.shape, dtype=dtype)
            rows = buffer[: len(stored)]
            if stored.dtype == torch.uint8:
                rows.copy_(stored).sub_(GREY)  # whole numbers, which either type holds
            else:
                rows.copy_(stored.double() - self.origin)
            yield part.start, rows

    def byte_chunks(self, size: int) -> Iterator[tuple[int, Tensor]]:
        """The same of uint8 pictures, as int8."""
        buffer = torch.empty_like(self.stored[:size])
        for part in self.slices(size):
            stored = self.stored[part]
            rows = torch.bitwise_xor(stored, GREY, out=buffer[: len(stored)])
            yield part.start, rows.view(torch.int8)

    def coordinates(self, x: Tensor) -> Tensor:
        """x, (B, C, H, W) in picture units, as float64 (B, d) in stored units."""
        return (x.reshape(x.shape[0], -1).double() - self.shift) / self.scale - self.origin

    def pictures(self, u: Tensor) -> Tensor:
        """`coordinates` undone: (B, d) in stored units as (B, d) in picture units."""
        return (u + self.origin) * self.scale + self.shift

    def to(self, device: torch.device | str) -> "DataMatrix":
        """The same data on another device."""
        stored, ids, origin = (part.to(device) for part in (self.stored, self.ids, self.origin))
        return DataMatrix(stored, self.shape, ids, self.scale, self.shift, origin)
