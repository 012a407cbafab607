"""Pictures: a set of real images (or latents) that keeps its ids, its names and its fingerprint.

Pixels stay uint8 until the moment of use; `floats` gives the working values u8 / 127.5 - 1 in
[-1, 1]. A subset is a view: it holds row numbers and reads the (possibly memory-mapped) pixels of
the set it comes from when asked, so splitting a set larger than memory costs nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from denoscope.errors import InputError

__all__ = ["Numbered", "Pictures", "split_permutation"]

Index = Tensor | Sequence[int] | slice | None


def split_permutation(n: int, seed: int) -> Tensor:
    """The order in which n pictures are dealt out, int64 (n,): a function of (n, seed) alone.

    Sorts the raw 64-bit output of Philox, which numpy promises never to change, rather than calling
    `Generator.permutation`, which it may.
    """
    if seed < 0:
        raise InputError(f"split seed {seed}; give 0 or more")
    raw = np.random.Philox(np.random.SeedSequence((seed, 0x5917))).random_raw(n)
    return torch.from_numpy(np.argsort(raw, kind="stable"))


@dataclass(frozen=True)
class Numbered(Sequence[str]):
    """The names "label[0]", "label[1]", ... of one or several (label, count) parts, end to end."""

    parts: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return sum(count for _, count in self.parts)

    def __getitem__(self, position):
        if position >= 0:
            for label, count in self.parts:
                if position < count:
                    return f"{label}[{position}]"
                position -= count
        raise IndexError(position)


@dataclass(frozen=True)
class _NamesOf(Sequence[str]):
    """The names of a set's pictures by their position in it."""

    pictures: "Pictures"

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, position):
        return self.pictures.names(int(self.pictures.ids[position]))


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """A set of pictures: uint8 (N, C, H, W), or float32 latents with a scale.

    Build one with `open_images`, `Pictures.from_tensor` or `Pictures.from_latents`.

    pixels: uint8 (N, C, H, W), memory-mapped when large; for latents float32, as stored. That of a
        subset is gathered into memory on first use: prefer `floats(index)` for large sets.
    ids: int64 (N,), the position in the set as opened. `take`, `split` and `twins` keep it, and all
        noise is keyed on it.
    source: where the set came from, as the user would write it.
    scale: None for uint8; for latents the factor by which stored values are multiplied on use.
    encodes: for latents the pictures that they stand for, in the same order, where they are known.
    """

    whole: Tensor
    ids: Tensor
    source: str
    scale: float | None = None
    origins: Sequence[str] | None = None
    subset: bool = False  # whether ids select rows of `whole`, or number all of them
    encodes: "Pictures | None" = None

    @classmethod
    def from_tensor(
        cls, pixels: Tensor, source: str = "tensor", origins: Sequence[str] | None = None
    ) -> "Pictures":
        """Pictures of a uint8 tensor (N, C, H, W), which is kept, not copied.

        origins: one name a picture, given back by `names`; "source[17]" without.
        """
        if pixels.dtype != torch.uint8:
            raise InputError(
                f"{source}: pixels are {pixels.dtype}; give torch.uint8, "
                "or latents to Pictures.from_latents"
            )
        return cls(_checked(pixels, source), torch.arange(len(pixels)), source, None, origins)

    @classmethod
    def from_latents(
        cls,
        latents: Tensor,
        scale: float = 1.0,
        source: str = "latents",
        origins: Sequence[str] | None = None,
        encodes: "Pictures | None" = None,
    ) -> "Pictures":
        """Pictures of float latents (N, C, H, W): `floats` is latents * scale, of unit size or so.

        encodes: the pictures that they are the latents of, which then give the names too, and in
        which duplicates are searched for. Raises InputError where latents are not finite floats,
        scale is not positive, or there is not one picture for each.
        """
        if not latents.is_floating_point():
            raise InputError(
                f"{source}: latents are {latents.dtype}; give floats, "
                "or uint8 to Pictures.from_tensor"
            )
        if not 0 < scale < float("inf"):
            raise InputError(f"{source}: scale {scale:g}; give a positive factor")
        latents = _checked(latents, source).float()
        step = max(1, (1 << 22) // latents[0].numel())  # a mapped set is larger than memory
        if not all(bool(torch.isfinite(part).all()) for part in latents.split(step)):
            raise InputError(f"{source}: latents hold NaN or infinity; give finite values")
        if encodes is not None:
            if len(encodes) != len(latents):
                raise InputError(
                    f"{source}: {len(latents)} latents of {len(encodes)} pictures; give one a picture"
                )
            origins = _NamesOf(encodes)
        ids = torch.arange(len(latents))
        return cls(latents, ids, source, float(scale), origins, encodes=encodes)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        kind = "uint8" if self.scale is None else f"latents, scale {self.scale:g}"
        return f"Pictures({self.source!r}, n={len(self)}, shape={self.shape}, {kind})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture."""
        channels, height, width = self.whole.shape[1:]
        return channels, height, width

    @cached_property
    def pixels(self) -> Tensor:
        """All values as stored, (N, C, H, W): uint8, or float32 latents before scaling."""
        return self.whole[self.ids] if self.subset else self.whole

    def stored(self, index: Index = None) -> Tensor:
        """The values as stored of the pictures at `index` (positions in this set, not ids)."""
        if index is None:
            return self.pixels
        if not self.subset:
            return self.whole[_rows(index)]
        return self.whole[self.ids[_rows(index)]]

    def floats(self, index: Index = None) -> Tensor:
        """The working values, float32 (n, C, H, W): u8 / 127.5 - 1 in [-1, 1], or latents * scale.

        index: positions in this set (not ids) as a tensor, list or slice; all where None.
        """
        values = self.stored(index).to(
            torch.float32
        )  # a copy for uint8, the tensor itself for latents
        return values / 127.5 - 1 if self.scale is None else values * self.scale

    def take(self, index: Tensor | Sequence[int] | slice) -> "Pictures":
        """The subset at `index` (positions, any order), with the same ids, names and pixels."""
        rows = _rows(index)
        if isinstance(rows, Tensor) and rows.numel() and rows.dtype != torch.bool:
            low, high = int(rows.min()), int(rows.max())
            if low < -len(self) or high >= len(self):
                raise InputError(
                    f"{self.source}: pictures {low} to {high} asked; "
                    f"it holds {len(self)}, numbered from 0"
                )
        encodes = None if self.encodes is None else self.encodes.take(rows)
        return Pictures(
            self.whole, self.ids[rows], self.source, self.scale, self.origins, True, encodes
        )

    def split(self, n: int, seed: int = 0) -> tuple["Pictures", "Pictures"]:
        """(train, held_out): the first n of the seeded permutation, and the rest.

        The permutation depends on (len(self), seed) alone, so training sets of growing n with one
        seed are nested. n == len(self) gives an empty held_out. Raises InputError unless
        1 <= n <= len(self).
        """
        if not 1 <= n <= len(self):
            raise InputError(
                f"{n} training pictures asked of {self.source}, which has {len(self)}; "
                f"give 1 to {len(self)}"
            )
        order = split_permutation(len(self), seed)
        return self.take(order[:n]), self.take(order[n:])

    def twins(self, n: int, seed: int = 0) -> tuple["Pictures", "Pictures", "Pictures"]:
        """(one, two, held_out): two disjoint training sets of n pictures each, and the rest.

        One is `split(n, seed)`'s training set; both come from the same permutation. Raises
        InputError unless 1 <= n <= len(self) // 2.
        """
        if not 1 <= n <= len(self) // 2:
            raise InputError(
                f"two disjoint sets of {n} asked of {self.source}, which has {len(self)}; "
                f"give 1 to {len(self) // 2}"
            )
        order = split_permutation(len(self), seed)
        return self.take(order[:n]), self.take(order[n : 2 * n]), self.take(order[2 * n :])

    def names(self, picture: int) -> str:
        """Where the picture of this id came from: a file's path, or "name[17]"."""
        picture = int(picture)
        if not 0 <= picture < len(self.whole):
            raise InputError(
                f"{self.source}: no picture has id {picture}; "
                f"ids run from 0 to {len(self.whole) - 1}"
            )
        return self.origins[picture] if self.origins is not None else f"{self.source}[{picture}]"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of shape, dtype, scale and content in this order of pictures, as 64 hex digits.

        The same pictures in the same order have the same fingerprint from whatever container.
        """
        kind = "uint8" if self.scale is None else f"float32*{self.scale!r}"
        digest = hashlib.sha256(f"denoscope pictures {len(self)} {self.shape} {kind}\n".encode())
        step = max(1, (1 << 24) // max(1, self.whole[0:1].nbytes))
        for start in range(0, len(self), step):
            chunk = self.stored(slice(start, start + step)).contiguous().cpu().numpy()
            digest.update(chunk.astype(chunk.dtype.newbyteorder("<"), copy=False).data)
        return digest.hexdigest()


def _rows(index: Index) -> Tensor | slice:
    if index is None:
        return slice(None)
    if isinstance(index, slice | Tensor):
        return index
    return torch.tensor(list(index), dtype=torch.int64)


def _checked(pixels: Tensor, source: str) -> Tensor:
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise InputError(
            f"{source}: pixels have shape {tuple(pixels.shape)}; give (N, C, H, W), none of them 0"
        )
    return pixels
