"""The equations S A = P of a linear fit, S = mean z z^T and P = mean z v^T, from rows or from sums.

Both kinds answer the same four questions. Which is cheaper depends on the rows: the ridge of output k,

    (S + L_k) B_k = P_k,      L_k diagonal and positive,

is d x d, and of n < d rows Z (n, d), V (n, d) it is n x n by the identity

    B_k = L_k^-1 Z^T (Z L_k^-1 Z^T + n I)^-1 V_k,

in which Z L_k^-1 Z^T is a sum of one Gram matrix for each group of inputs, weighted by the group's 1 / L.
Products with rows are thin, 2 n d^2 where one with S is 2 d^3, and S itself is never formed.

All is float64. Rows that are `rounded` to float32 are multiplied so, in half the time; their Gram matrices
and factors stay float64, as a weak ridge needs.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["NormalEquations", "Rows", "Sums", "joined"]


@dataclass(frozen=True)
class Rows:
    """z, v: inputs and answers, (n, d) each, about their means; for n < d."""

    z: Float[Tensor, "n d"]
    v: Float[Tensor, "n d"]

    @property
    def n(self) -> int:
        return len(self.z)

    @property
    def variances(self) -> Float[Tensor, " d"]:
        """The diagonal of S."""
        return self.z.square().mean(0)

    def scaled(self, factor: Float[Tensor, " d"]) -> "Rows":
        """Those of factor * z."""
        return Rows(self.z * factor.to(self.z.dtype), self.v)

    def less(self, slopes: Float[Tensor, " d"]) -> "Rows":
        """Those of the answers v - slopes * z."""
        return Rows(self.z, self.v - self.z * slopes.to(self.z.dtype))

    def residue(self, fit: Float[Tensor, "d d"] | None) -> Float[Tensor, "d d"]:
        """P - S A for a fit A; P for none."""
        v = self.v if fit is None else self.v - self.z @ fit
        return self.z.T @ v / self.n

    def ridge(self, groups: list[slice], strength: Float[Tensor, "g g"]) -> Float[Tensor, "d d"]:
        """B_k of every output k, with L_k the strengths of (input group, group of k)."""
        z, dual = self.z.double(), self.v.double()
        grams = torch.stack([z[:, inputs] @ z[:, inputs].T for inputs in groups])
        for weights, outputs in zip(strength.reciprocal().T, groups, strict=True):
            system = torch.tensordot(weights, grams, 1)
            system.diagonal().add_(self.n)
            factor = torch.linalg.cholesky(system)
            dual[:, outputs] = torch.cholesky_solve(dual[:, outputs], factor)
        out = self.z.T @ dual.to(self.z.dtype)
        for row, inputs in zip(strength, groups, strict=True):
            for one, outputs in zip(row, groups, strict=True):
                out[inputs, outputs] /= one
        return out

    def rounded(self) -> "Rows":
        """The same in float32, whose residues and ridges are float32."""
        return Rows(self.z.float(), self.v.float())

    def sums(self) -> "Sums":
        """Their second moments, float64."""
        return Sums(self.n, self.z.T @ self.z / self.n, self.residue(None))


@dataclass(frozen=True)
class Sums:
    """The same of any number n of rows: zz (d, d) is S, zv (d, d) is P."""

    n: int
    zz: Float[Tensor, "d d"]
    zv: Float[Tensor, "d d"]

    @property
    def variances(self) -> Float[Tensor, " d"]:
        return self.zz.diagonal()

    def scaled(self, factor: Float[Tensor, " d"]) -> "Sums":
        return Sums(self.n, factor[:, None] * self.zz * factor, factor[:, None] * self.zv)

    def less(self, slopes: Float[Tensor, " d"]) -> "Sums":
        return Sums(self.n, self.zz, self.zv - self.zz * slopes)

    def rounded(self) -> "Sums":
        """Themselves: where there are as many rows as pixels, an affine denoiser is found to rounding."""
        return self

    def residue(self, fit: Float[Tensor, "d d"] | None) -> Float[Tensor, "d d"]:
        return self.zv if fit is None else self.zv - self.zz @ fit

    def ridge(self, groups: list[slice], strength: Float[Tensor, "g g"]) -> Float[Tensor, "d d"]:
        out = torch.empty_like(self.zv)
        sizes = torch.tensor([group.stop - group.start for group in groups], device=out.device)
        for added, outputs in zip(strength.T, groups, strict=True):
            system = self.zz.clone()
            system.diagonal().add_(added.repeat_interleave(sizes))
            factor = torch.linalg.cholesky(system)
            out[:, outputs] = torch.cholesky_solve(self.zv[:, outputs], factor)
        return out


NormalEquations = Rows | Sums


def joined(one: NormalEquations, two: NormalEquations) -> NormalEquations:
    """Those of both together: rows while they are fewer than d."""
    if isinstance(one, Rows) and isinstance(two, Rows):
        both = Rows(torch.cat([one.z, two.z]), torch.cat([one.v, two.v]))
        return both if both.n < both.z.shape[1] else both.sums()
    one, two = (half.sums() if isinstance(half, Rows) else half for half in (one, two))
    n = one.n + two.n
    return Sums(n, (one.n * one.zz + two.n * two.zz) / n, (one.n * one.zv + two.n * two.zv) / n)
