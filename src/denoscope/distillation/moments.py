"""Rows of inputs and answers as they come, in two halves: all that a linear fit needs of them.

Two halves of independent pictures tell signal from chance without a model of the noise: the
product of the halves' estimates of a coefficient has the mean of its square, and the square of
their difference the variance.

Rows are kept while each half has fewer than d, in which they take less memory than their products and are
solved for less; from then on their second moments, which do not grow.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from denoscope.distillation.normal_equations import NormalEquations, Rows, Sums

__all__ = ["HalvedMoments"]


class HalvedMoments:
    """Rows z, v, or sums of z, v, z z^T and z v^T over them, float64, in two halves; 4 d^2 numbers at most.

    z: inputs, v: answers, (n, d). Rows come in any batches.
    """

    def __init__(self, d: int, device: torch.device | str = "cpu") -> None:
        self.d, self.counts = d, [0, 0]
        self.z, self.v = torch.zeros(2, 2, d, dtype=torch.float64, device=device)
        self._rows: list[list[Rows]] | None = [[], []]
        self._zz = self._zv = torch.zeros(0)

    def add(
        self, z: Float[Tensor, "n d"], v: Float[Tensor, "n d"], second: Bool[Tensor, " n"]
    ) -> None:
        """Take in rows; `second` says which belong to the second half."""
        for half, mine in enumerate((~second, second)):
            rows = Rows(z[mine], v[mine])
            self.counts[half] += rows.n
            self.z[half] += rows.z.sum(0)
            self.v[half] += rows.v.sum(0)
            if self._rows is not None:
                self._rows[half].append(rows)
            else:
                self._sum(half, rows)
        if self._rows is not None and max(self.counts) >= self.d:
            kept, self._rows = self._rows, None
            self._zz, self._zv = self.z.new_zeros(2, 2, self.d, self.d)
            for half, several in enumerate(kept):
                for rows in several:
                    self._sum(half, rows)

    def _sum(self, half: int, rows: Rows) -> None:
        self._zz[half].addmm_(rows.z.T, rows.z)
        self._zv[half].addmm_(rows.z.T, rows.v)

    @property
    def n(self) -> int:
        """Rows taken in."""
        return sum(self.counts)

    @property
    def means(self) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
        """Mean of z and of v over both halves."""
        return self.z.sum(0) / self.n, self.v.sum(0) / self.n

    def halves(self) -> tuple[NormalEquations, NormalEquations]:
        """Each half's equations, about the means of both together."""
        z, v = self.means
        one, two = (self._about(half, z, v) for half in range(2))
        return one, two

    def _about(self, half: int, z: Tensor, v: Tensor) -> NormalEquations:
        if self._rows is not None:
            mine = self._rows[half]
            return Rows(
                torch.cat([rows.z for rows in mine]) - z, torch.cat([rows.v for rows in mine]) - v
            )
        n = self.counts[half]
        mean_z, mean_v = self.z[half] / n, self.v[half] / n
        zz = self._zz[half] / n - torch.outer(mean_z, z) - torch.outer(z, mean_z - z)
        zv = self._zv[half] / n - torch.outer(mean_z, v) - torch.outer(z, mean_v - v)
        return Sums(n, zz, zv)
