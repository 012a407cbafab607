"""Second moments of inputs and answers, in two halves: all that a linear fit needs of the rows.

Two halves of independent pictures tell signal from chance without a model of the noise: the
product of the halves' estimates of a coefficient has the mean of its square, and the square of
their difference the variance.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Half", "HalvedMoments"]


@dataclass(frozen=True)
class Half:
    """Moments about fixed centres: zz (d, d) = mean z z^T, zv (d, d) = mean z v^T, and their n."""

    n: int
    zz: Float[Tensor, "d d"]
    zv: Float[Tensor, "d d"]

    def scaled(self, factor: Float[Tensor, " d"]) -> "Half":
        """The moments of factor * z."""
        return Half(self.n, factor[:, None] * self.zz * factor, factor[:, None] * self.zv)


class HalvedMoments:
    """Sums of z, v, z z^T and z v^T over rows, float64, in two halves; 4 d^2 numbers in all.

    z: inputs, v: answers, (n, d). Rows come in any batches.
    """

    def __init__(self, d: int, device: torch.device | str = "cpu") -> None:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(2, *shape, dtype=torch.float64, device=device)

        self.counts = [0, 0]
        self.z, self.v = zeros(d), zeros(d)
        self.zz, self.zv = zeros(d, d), zeros(d, d)

    def add(
        self, z: Float[Tensor, "n d"], v: Float[Tensor, "n d"], second: Bool[Tensor, " n"]
    ) -> None:
        """Take in rows; `second` says which belong to the second half."""
        for half, mine in enumerate((~second, second)):
            rows_z, rows_v = z[mine], v[mine]
            self.counts[half] += len(rows_z)
            self.z[half] += rows_z.sum(0)
            self.v[half] += rows_v.sum(0)
            self.zz[half].addmm_(rows_z.T, rows_z)
            self.zv[half].addmm_(rows_z.T, rows_v)

    @property
    def n(self) -> int:
        """Rows taken in."""
        return sum(self.counts)

    @property
    def means(self) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
        """Mean of z and of v over both halves."""
        return self.z.sum(0) / self.n, self.v.sum(0) / self.n

    def halves(self) -> tuple[Half, Half]:
        """Each half's moments about the means of both together."""
        z, v = self.means
        one, two = (self._about(half, z, v) for half in range(2))
        return one, two

    def _about(self, half: int, z: Tensor, v: Tensor) -> Half:
        n = self.counts[half]
        mean_z, mean_v = self.z[half] / n, self.v[half] / n
        zz = self.zz[half] / n - torch.outer(mean_z, z) - torch.outer(z, mean_z - z)
        zv = self.zv[half] / n - torch.outer(mean_z, v) - torch.outer(z, mean_v - v)
        return Half(n, zz, zv)
