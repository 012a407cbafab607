"""Scores that rank pictures by their distance from queries, by one product, and how far off they are.

With z the queries and u the pictures in stored units, where bytes are the integers v - 128,

    a_i = <z, u_i> - |u_i|^2 / 2 = (|z|^2 - |z - u_i|^2) / 2.

**Bytes, where int8 products pay.** A query is rounded to s q, q in int8 and s >= 1 the least scale
that reaches its largest value (1 within [-1, 1]); <q, u> is exact. So what is ranked, but for the
rounding to float32 at the end, is the distance from s q, and for any picture

    | |z - u| - |s q - u| | <= r = |z - s q|,    about s sqrt(d / 12).

If the k-th nearest to s q is D away, k pictures lie within D + r of z, so that the k nearest to z lie
within D + 2 r of s q: their a is at least a_k - 2 r (D + r).

**Float32 elsewhere**: a is off by at most bound = (d + 8) e (|z| + max|u|) max|u|, with unit rounding
e and whatever the order of summation (Higham 2002, eq. 3.5, and Cauchy-Schwarz); the k nearest
have a of at least a_k - 2 bound. Float64 alike, for queries in float64 and where float32 may be TF32 or
would overflow.

Both allow for the rounding of the pixels themselves to float32, as `Pictures.floats` gives them.
"""

import math

import torch
from torch import Tensor

from denoscope.images.integers import (
    GREY,
    INT32_CONTRACTION,
    centred,
    centred_products,
    int8_pays,
    squared_norms,
)

__all__ = ["ByBytes", "ByFloats", "ranking_of", "stored_units"]

LARGEST = 1e15  # float32 ends at 3e38, and products are added up
CACHED = 1 << 17  # values of queries rounded together


def ranking_of(x: Tensor, scale: float | None) -> "ByBytes | ByFloats":
    """The cheaper way to rank pictures by their distance from floats x (B, d), in picture units.

    scale: of latents; None for bytes.
    """
    single = x.dtype != torch.float64
    small = float(x.abs().max()) < LARGEST
    if scale is None and small and x.shape[1] <= INT32_CONTRACTION and int8_pays(x.device):
        return ByBytes(x)
    plain = torch.get_float32_matmul_precision() == "highest"
    z = stored_units(x, scale)
    return ByFloats(z.float() if plain and small and single else z, scale is None)


def stored_units(x: Tensor, scale: float | None) -> Tensor:
    """z of floats in picture units, float64."""
    if scale is None:
        return x.to(torch.float64, copy=True).add_(1).mul_(127.5).sub_(GREY)
    return x.double() / scale


class ByBytes:
    """Queries x (B, d), in picture units, against bytes, by one int8 product; see the module."""

    kind = torch.float32

    def __init__(self, x: Tensor) -> None:
        blocks = x.split(max(1, CACHED // x.shape[1]))
        parts = zip(*(_rounded(stored_units(block, None)) for block in blocks), strict=True)
        self.q, self.scale, self.norm, self.off = (torch.cat(part) for part in parts)

    def rows(self, stored: Tensor) -> Tensor:
        """u of stored pictures (m, d)."""
        return centred(stored)

    def half_norms(self, u: Tensor) -> Tensor:
        """|u|^2 / 2, float64 (m,)."""
        return squared_norms(u).double() / 2

    def products(self, u: Tensor) -> Tensor:
        """<s q, u>, (m, B)."""
        return torch.mul(centred_products(u, self.q), self.scale)

    def floor(self, best: Tensor, largest: float) -> Tensor:
        """What a must reach, (B,), if k pictures have `best` (B,) or more; |u| is up to largest."""
        rounding = 8 * _unit(self.kind) * largest * (self.norm + largest)
        far = (self.norm.square() - 2 * best.double() + 2 * rounding).clamp(min=0).sqrt()
        return best.double() - 2 * self.off * (far + self.off) - 2 * rounding


class ByFloats:
    """Queries z (B, d), in stored units, against bytes or latents, in z's dtype; see the module."""

    def __init__(self, z: Tensor, of_bytes: bool) -> None:
        self.z, self.of_bytes, self.kind = z, of_bytes, z.dtype
        self.norm = z.norm(dim=1)

    def rows(self, stored: Tensor) -> Tensor:
        """u of stored pictures (m, d)."""
        u = stored.to(self.kind)
        return u.sub_(GREY) if self.of_bytes else u

    def half_norms(self, u: Tensor) -> Tensor:
        """|u|^2 / 2, float64 (m,)."""
        return torch.linalg.vector_norm(u, dim=1).double().square() / 2

    def products(self, u: Tensor) -> Tensor:
        """<z, u>, (m, B)."""
        # In this order the product is the faster by up to half (MKL, measured).
        return u @ self.z.T

    def floor(self, best: Tensor, largest: float) -> Tensor:
        """What a must reach, (B,), if k pictures have `best` (B,) or more; |u| is up to largest."""
        unit, d = _unit(self.kind), self.z.shape[1]
        reach = self.norm + largest
        bound = (d + 8) * unit * largest * reach + 256 * unit * math.sqrt(d) * reach
        return best.double() - 2 * bound


def _rounded(z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """q, int8 (B, d), s, float32 (B,), and |s q| and r, float64 (B,), of z (B, d)."""
    scale = torch.maximum(z.amax(1) / 127, z.amin(1) / -128).clamp(min=1).float()
    q = (z / scale[:, None]).round_().clamp_(-128, 127)
    rounded = q * scale[:, None]
    pixels = 256 * _unit(torch.float32) * math.sqrt(z.shape[1])
    off = (z - rounded).norm(dim=1) + pixels
    return q.to(torch.int8), scale, rounded.norm(dim=1), off


def _unit(kind: torch.dtype) -> float:
    return torch.finfo(kind).eps / 2
