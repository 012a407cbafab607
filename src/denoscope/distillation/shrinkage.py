"""From rows to the linear map: least squares of eq. 9, drawn to the Gaussian denoiser.

**Control.** The Gaussian denoiser is subtracted first, and its map added back at the end: the optimum
stays what it is, its error now scales with what D is beyond D_G. With U the law's basis and z white
coordinates (`law.py`), v = U^T (D(y) - D_G(y)) = A^T z + c + e, and least squares solves

    S A = P,      S = mean z z^T (d x d, near I),    P = mean z v^T.

Next comes one slope g_k for each principal direction k, d numbers whose error is nothing. What remains,
B = A - diag(g), is d^2 numbers, and there may be fewer rows than d.

**Ridge.** Its coefficients are drawn to nought by as much as the data say, with no constant and no
rate. Principal directions are taken in groups, largest variance first (8, 8, 16, 32, ..., and those
without variance). Within a block of (input group, output group) coefficients are taken as random, of
one variance tau^2, and the rows' chance error in P as of one variance nu^2. The posterior mean of B is
ridge regression, of another strength in each block:

    (S + diag(nu^2 / tau^2)) B_k = P_k      for output k, with the entries of its own block.

Both variances are measured from two halves of independent pictures, each corrected by the fit A_2 or
A_1 of the other, which is independent of it,

    B_1 = P_1 - S_1 A_2 + A_2,     B_2 = P_2 - S_2 A_1 + A_1:

    E B_1 B_2 = B^2 (elementwise, as E S = I),      E (B_1 - B_2)^2 = 4 nu^2 for equal halves,

averaged over the block, and the halves fitted anew until nu^2 settles. (With one fit of all rows in
place of A_1 and A_2 its own residue understates nu^2, and with fewer rows than d the ridge is lost: at
sigma = 80, 120 rows and d = 256 the error was 300 times as large.) What a mean of products could be by
chance is taken off tau^2. As rows grow nu^2 falls as 1/n and the ridge vanishes: the limit is least
squares; where D is affine nu^2 falls to 0 as soon as each half has d + 1 rows, and W is D's own matrix.
Pictures, not rows, are divided into halves, so the several noises of one picture count for what they
are worth.

S is the rows' own, though E S = I is known: with I in its place the error on unseen pictures is the
same to 0.4 % at middle and low noise and 6 % larger at sigma = 80. The exact covariance of the noise
enters through the coordinates z.

The variance left to each coefficient is nu^2 tau^2 / (nu^2 + tau^2) (exact for S = I): its sum is the
expected squared error of the prediction on unseen pictures, and gives W its standard error.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import as_sigma
from denoscope.distillation.law import InputLaw
from denoscope.distillation.moments import HalvedMoments
from denoscope.distillation.normal_equations import NormalEquations, joined

__all__ = ["Correction", "LinearMap", "beyond", "gaussian_map", "solve"]

FIRST = 8  # directions in the first group; the result changes by less than 1e-3 of the error from 1 to 16
MOST_SOLVES = 12  # it settles in three to five; an affine denoiser takes about eight, to rounding
SETTLED = 0.1  # relative change of nu^2; a fifth of it changes the error by less than 1e-3 of it
NEGLIGIBLE = 1e-12  # of the largest nu^2: blocks of float32's rounding alone need not settle
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


def beyond(
    y: Float[Tensor, "n d"],
    answer: Float[Tensor, "n d"],
    law: InputLaw,
    sigma: float,
    gaussian: GaussianDenoiser,
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """z = law.whiten(y) and v = U^T (answer - D_G(y)): what `solve` relates.

    Where the law's basis is the Gaussian's own, D_G(y) is a product with d numbers there.
    """
    if law.basis is gaussian.eigenvectors:
        along, mean, lam = (
            (y - law.mean) @ law.basis,
            gaussian.mean.reshape(-1),
            gaussian.eigenvalues,
        )
        control = (along + (law.mean - mean) @ law.basis) * (lam / (lam + sigma**2))
        return along / law.deviations(sigma), (answer - mean) @ law.basis - control
    control = gaussian(y.reshape(-1, *gaussian.spec.shape), as_sigma(sigma, y)).flatten(1)
    return law.whiten(y, sigma), (answer - control) @ law.basis


@dataclass(frozen=True)
class Correction:
    """D_L less D_G in the law's coordinates: v = A^T z + c. A (d, d), c (d,); errors as of a LinearMap."""

    coefficients: Float[Tensor, "d d"]
    offset: Float[Tensor, " d"]
    error: float
    unseen: float

    def errors(self, z: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """||D_L(y) - D(y)||_2 / sqrt(d) of each input: U is orthonormal."""
        return (z @ self.coefficients + self.offset - v).square().mean(1).sqrt()

    def added_to(self, control: LinearMap, law: InputLaw, sigma: float) -> LinearMap:
        """D_L itself, from D_G's map."""
        scaled = self.coefficients / law.deviations(sigma)[:, None]
        more = law.basis @ (law.basis @ scaled).T
        bias = control.bias + law.basis @ self.offset - more @ law.mean
        return LinearMap(control.matrix + more, bias, self.error, self.unseen)


def solve(
    moments: HalvedMoments, law: InputLaw, sigma: float, gaussian: GaussianDenoiser
) -> Correction:
    """The map of eq. 9 from rows z, v of `beyond`."""
    one, two = halves = moments.halves()
    share = one.n * two.n / moments.n**2
    seen = (one.n * one.variances + two.n * two.variances) / moments.n
    one, two = halves = [half.scaled(seen.rsqrt()) for half in halves]
    both = joined(one, two)
    halves = [half.rounded() for half in halves]  # they tell variances, wanted to a tenth
    first, second = (half.residue(None) for half in halves)
    lam = gaussian.eigenvalues
    answers = (lam**2 / (lam + sigma**2)).sum().sqrt() + (first + second).norm() / 2
    rounding = (torch.finfo(torch.float64).eps * 2 * answers).square()

    blocks, before = _Blocks(law), None
    for _ in range(MOST_SOLVES):
        chance = blocks.mean((first - second).square()) * share + rounding
        strength = chance / blocks.signal(first, second, chance)
        slopes = blocks.slopes(first.diagonal().double(), second.diagonal().double(), share)
        if before is not None:
            allowed = SETTLED * before + NEGLIGIBLE * before.max()
            if bool(((chance - before).abs() <= allowed).all()):
                break
        before = chance
        fits = [blocks.ridge(half, slopes, strength * moments.n / half.n) for half in halves]
        first, second = (
            half.residue(other) + other for half, other in zip(halves, reversed(fits), strict=True)
        )
    found = blocks.ridge(both, slopes, strength)

    found = found * seen.rsqrt()[:, None]
    mean_z, mean_v = moments.means
    variance = blocks.spread(torch.as_tensor(chance / (1 + strength)))  # strength may be infinite
    scale = law.deviations(sigma) * seen.sqrt()
    return Correction(
        coefficients=found,
        offset=mean_v - mean_z @ found,
        error=float((variance / scale[:, None] ** 2).sum().sqrt()),
        unseen=float(variance.mean() * len(scale)),
    )


class _Blocks:
    """Principal directions in groups, by rank: 8, 8, 16, 32, ..., and those without variance."""

    def __init__(self, law: InputLaw) -> None:
        edges = [0, FIRST]
        while edges[-1] < law.rank:
            edges.append(2 * edges[-1])
        edges = [edge for edge in edges if edge < law.rank] + [law.rank]
        if law.rank < len(law.variances):
            edges.append(len(law.variances))
        self.groups = [slice(a, b) for a, b in pairwise(edges) if b > a]
        self.member = law.variances.new_zeros(len(law.variances), len(self.groups))
        for place, group in enumerate(self.groups):
            self.member[group, place] = 1.0
        self.sizes = self.member.sum(0)

    def mean(self, matrix: Tensor, diagonal: bool = True) -> Tensor:
        """Mean of each block, (groups, groups); without the diagonal, which is of another kind."""
        member = self.member.to(matrix.dtype)
        sums, counts = (member.T @ matrix @ member).double(), torch.outer(self.sizes, self.sizes)
        if not diagonal:
            sums = sums - torch.diag(self.member.T @ matrix.diagonal().double())
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

    def signal(self, one: Tensor, two: Tensor, chance: Tensor) -> Tensor:
        """Mean square of coefficients in each block, less a deviation of what chance makes of it.

        Errors of one input are alike across the outputs of a group, or the other way about: as many
        are taken as independent as the smaller group has directions.
        """
        independent = torch.minimum(self.sizes[:, None], self.sizes)
        return (self.mean(one * two, diagonal=False) - 2 * chance / independent).clamp(min=0)

    def ridge(self, rows: NormalEquations, slopes: Tensor, strength: Tensor) -> Tensor:
        """diag(g) + B, with (S + diag(strength of its block)) B_k = (P - S diag(g))_k for each output k."""
        strength = strength.nan_to_num(nan=STRONGEST).clamp(WEAKEST, STRONGEST)
        out = rows.less(slopes).ridge(self.groups, strength)
        out.diagonal().add_(slopes)
        return out
