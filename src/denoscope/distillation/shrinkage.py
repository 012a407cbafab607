"""From moments to the linear map: least squares of eq. 9, drawn to the Gaussian denoiser.

In white coordinates z (`law.py`) the answers are v = z A + c + e, and least squares solves

    S A = P,      S = mean z z^T (d x d, near I),    P = mean z v^T.

**Control.** The Gaussian denoiser's own map G is subtracted first, P - S G, and added back at the
end: the optimum stays what it is, its error now scales with what D is beyond D_G. Next comes one
slope g_k for each principal direction k, d numbers whose error is nothing. What remains, B = A - G -
diag(g), is d^2 numbers, and there may be fewer rows than d.

**Ridge.** Its coefficients are drawn to nought by as much as the data say, with no constant and no
rate. Principal directions are taken in groups, largest variance first (8, 8, 16, 32, ..., and those
without variance). Within a block of (input group, output group) coefficients are taken as random, of
one variance tau^2, and the rows' chance error in P as of one variance nu^2. Both are measured from two
halves of independent pictures, P_1 and P_2, with expectations over the rows:

    E P_1 P_2 = B^2  (elementwise, as E S = I),        E (P_1 - P_2)^2 = 4 nu^2  for equal halves,

averaged over the block. The posterior mean of B is ridge regression, of another strength in each
block:

    (S + diag(nu^2 / tau^2)) B_k = P_k      for output k, with the entries of its own block.

P's chance error is mostly what B itself explains, so nu^2 is measured again on P - S B and the system
solved anew until it settles. As rows grow nu^2 falls as 1/n and the ridge vanishes: the limit is least
squares; where D is affine nu^2 falls to 0 at finite n and W is D's own matrix. Pictures, not rows, are
divided into halves, so the several noises of one picture count for what they are worth.

The variance left to each coefficient is nu^2 tau^2 / (nu^2 + tau^2) (exact for S = I): its sum is the
expected squared error of the prediction on unseen pictures, and gives W its standard error.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser
from denoscope.distillation.law import InputLaw
from denoscope.distillation.moments import HalvedMoments

__all__ = ["LinearMap", "gaussian_map", "solve"]

FIRST = 8  # directions in the first group; the result changes by less than 1e-3 of the error from 1 to 16
MOST_SOLVES = 12  # it settles in three; an affine denoiser takes about eight, to rounding
SETTLED = 0.02  # relative change of nu^2
WEAKEST, STRONGEST = 1e-13, 1e12  # of the ridge nu^2 / tau^2, against S of size 1


@dataclass(frozen=True)
class LinearMap:
    """D_L(x) = W x + b with its standard error. matrix (d, d), bias (d,), float64.

    error: ||standard error of W||_F. unseen: expected ||error of the prediction||^2 / d on unseen
    pictures, over what the best linear map leaves.
    """

    matrix: Float[Tensor, "d d"]
    bias: Float[Tensor, " d"]
    error: float
    unseen: float


def gaussian_map(gaussian: GaussianDenoiser, sigma: float) -> LinearMap:
    """D_G at one level, as the map to which no rows lead."""
    return LinearMap(gaussian.matrix(sigma), gaussian.bias(sigma), 0.0, float("inf"))


def solve(
    moments: HalvedMoments, law: InputLaw, sigma: float, gaussian: GaussianDenoiser
) -> LinearMap:
    """The map of eq. 9 from moments of z = law.whiten(y) and v = (D(y) - mean) U."""
    halves = moments.halves()
    share = halves[0].n * halves[1].n / moments.n**2
    seen = sum(half.n * half.zz.diagonal() for half in halves) / moments.n
    halves = [half.scaled(seen.rsqrt()) for half in halves]
    zz, zv = (
        sum(half.n * part for half, part in zip(halves, parts, strict=True)) / moments.n
        for parts in zip(*((half.zz, half.zv) for half in halves), strict=True)
    )
    control = gaussian_map(gaussian, sigma)
    scale = law.deviations(sigma) * seen.sqrt()
    prior = scale[:, None] * (law.basis.T @ control.matrix.T @ law.basis)
    blocks = _Blocks(law, zz)
    found, before = prior, None
    for _ in range(MOST_SOLVES):
        over = [half.zv - half.zz @ found for half in halves]
        chance = blocks.mean((over[0] - over[1]).square()) * share
        if before is not None and bool(((chance - before).abs() <= SETTLED * before).all()):
            break
        one, two = (rest + found - prior for rest in over)
        slopes = blocks.slopes(one.diagonal(), two.diagonal(), share)
        signal = blocks.mean(one * two, diagonal=False).clamp(min=0)
        start = prior + torch.diag(slopes)
        found = start + blocks.ridge(zz, zv - zz @ start, chance / signal)
        before = chance

    matrix = law.basis @ (found.T / scale) @ law.basis.T
    mean_z, mean_v = moments.means
    centre = law.mean + law.basis @ (law.deviations(sigma) * mean_z)
    bias = law.mean + law.basis @ mean_v - matrix @ centre
    tiny = torch.finfo(zz.dtype).tiny
    variance = blocks.spread(chance * signal / (chance + signal).clamp(min=tiny))
    return LinearMap(
        matrix=matrix,
        bias=bias,
        error=float((variance / scale[:, None] ** 2).sum().sqrt()),
        unseen=float(variance.mean() * len(scale)),
    )


class _Blocks:
    """Principal directions in groups, by rank: 8, 8, 16, 32, ..., and those without variance."""

    def __init__(self, law: InputLaw, like: Tensor) -> None:
        edges = [0, FIRST]
        while edges[-1] < law.rank:
            edges.append(2 * edges[-1])
        edges = [edge for edge in edges if edge < law.rank] + [law.rank]
        if law.rank < len(law.variances):
            edges.append(len(law.variances))
        self.groups = [slice(a, b) for a, b in pairwise(edges) if b > a]
        self.member = like.new_zeros(len(law.variances), len(self.groups))
        for place, group in enumerate(self.groups):
            self.member[group, place] = 1.0
        self.sizes = self.member.sum(0)

    def mean(self, matrix: Tensor, diagonal: bool = True) -> Tensor:
        """Mean of each block, (groups, groups); without the diagonal, which is of another kind."""
        sums, counts = self.member.T @ matrix @ self.member, torch.outer(self.sizes, self.sizes)
        if not diagonal:
            sums = sums - torch.diag(self.member.T @ matrix.diagonal())
            counts = counts - torch.diag(self.sizes)
        return sums / counts.clamp(min=1)

    def spread(self, values: Tensor) -> Tensor:
        """(groups, groups) -> (d, d): for every entry the value of its block."""
        return self.member @ values @ self.member.T

    def slopes(self, one: Tensor, two: Tensor, share: float) -> Tensor:
        """Slopes (d,) from two estimates of each: drawn to their group's mean, as far as chance goes."""

        def centred(values: Tensor) -> tuple[Tensor, Tensor]:
            mean = self.member @ (self.member.T @ values / self.sizes)
            return values - mean, mean

        (one, mean_one), (two, mean_two) = centred(one), centred(two)
        signal = (self.member.T @ (one * two) / self.sizes).clamp(min=0)
        chance = self.member.T @ (one - two).square() / self.sizes * share
        kept = self.member @ (signal / (signal + chance).clamp(min=torch.finfo(one.dtype).tiny))
        return (mean_one + mean_two) / 2 + kept * (one + two) / 2

    def ridge(self, zz: Tensor, zv: Tensor, strength: Tensor) -> Tensor:
        """Solve (S + diag(strength of its block)) B_k = P_k for every output k, group by group."""
        strength = strength.nan_to_num(nan=STRONGEST).clamp(WEAKEST, STRONGEST)
        out = torch.empty_like(zv)
        for place, outputs in enumerate(self.groups):
            system = zz.clone()
            system.diagonal().add_(self.member @ strength[:, place])
            out[:, outputs] = torch.cholesky_solve(zv[:, outputs], torch.linalg.cholesky(system))
        return out
