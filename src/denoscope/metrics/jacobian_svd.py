"""Leading singular vectors of a denoiser's Jacobian, without the Jacobian (Li et al. 2024, App. H.2).

Wanted: the k largest s_i of J (d, d) with J v_i = s_i u_i and J^T u_i = s_i v_i. Kept are two
orthonormal bases that grow together, V (d, m) and U (d, m), with J V = U R (R upper triangular, m x m,
float64). The SVD of R gives the best triplets that the bases hold, for which J v = s u exactly;
what is missing is

    r_i = J^T u_i - s_i v_i.

The next directions of V are what J^T makes of the last of U (block Golub-Kahan-Lanczos, from a random
pair), until the r_i are small; where those of the last step are and others are not, these r_i themselves.
All directions are kept, nothing is restarted: for d up to some ten thousand the bases are small beside a
network's own memory, and the number of products is the least that a Krylov method needs.

A pair sees a value that is repeated no more than twice; other copies stay outside the bases. So when all
r_i are small, the rest E = (I - U U^T) J (I - V V^T) is looked at: one more random direction z, taken
through j steps, shows a largest value theta of E. Were there a value of s_k or more in E, with t =
(theta / s_k)^2, then by the polynomial T_{j-1}, Chebyshev's on [0, theta^2], the part of z along its vector
would be at most sqrt(t / (1 - t)) / T_{j-1}(2 / t - 1): every vector the steps span has a quotient of
theta^2 at most. Of a random direction in d dimensions it is as small with a chance of at most

    sqrt(2 d t / (pi (1 - t))) / T_{j-1}(2 / t - 1),

and steps are taken until this is MISSED. If a larger value shows, it goes on as before.

`residuals` come from the products kept, by linearity, and one combination of all triplets is multiplied
anew to see that they hold.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.jacobian import Jacobian
from denoscope.metrics.krylov_bases import Bases
from denoscope.noise import noise

__all__ = ["JacobianSVD", "jacobian_svd"]

PAIR = 2  # directions at a time: larger blocks are cheaper a product, and take more than they save
SLACK = 0.5  # aimed at below what is asked, so that the rounding of the last check does not undo it
DECADE = 0.1  # values below this share of the largest are held to its accuracy
MISSED, MOST_STEPS = 1e-3, 16  # chance aimed at, and the steps it may take


@dataclass(frozen=True)
class JacobianSVD:
    """The k leading singular triplets of J at one point; float64 on the CPU.

    u, v: (d, k), orthonormal columns, left and right singular vectors (the sign of a pair is
    free). s: (k,), from large to small. residuals: (k, 2), ||J v - s u|| and ||J^T u - s v|| of
    each, measured. products: J v and J^T u that were spent, all in all. converged: whether all
    residuals, and those of a combination of all multiplied anew, are below tol * max(s_i, s_1 / 10).
    missed: bound of the chance that a value above s_k lies outside what was searched; 1 where the
    rest has values as large as s_k, whose order a tie leaves open.
    """

    u: Tensor
    s: Tensor
    v: Tensor
    residuals: Tensor
    products: int
    converged: bool
    missed: float


def jacobian_svd(
    jacobian: Jacobian, k: int = 16, tol: float = 1e-5, seed: int = 0, most: int = 4000
) -> JacobianSVD:
    """The k largest singular values of J and their vectors, from products alone.

    tol: residuals wanted, relative to each singular value (to a tenth of the largest, where it is
    smaller than that: float32 products are no more accurate). A value is then right to tol or
    better, and a vector, or the span of a cluster of values, to tol / (2 gap), gap being its
    relative distance from all other values: 5e-4 at a gap of 1e-2 by default. most: products after
    which it stops, converged or not. The same seed gives the same result.

    Raises InputError unless 1 <= k <= d and tol > 0; RunError as `Jacobian`.
    """
    d, before = jacobian.d, jacobian.products
    if not 1 <= k <= d:
        raise InputError(f"{k} singular vectors asked of {d}; give 1 to {d}")
    if not tol > 0:
        raise InputError(f"tol {tol:g} given; give a relative accuracy above 0, as 1e-5")
    random = _directions(d, seed)
    bases, missed = Bases(jacobian, random), 1.0
    searched: int | None = None  # how many directions there were when the rest came to be looked at
    new = torch.stack([next(random) for _ in range(min(d, PAIR))], dim=1)
    while True:
        bases.add(new)
        p, s, q = bases.leading(k)
        new = bases.onward
        room = d - bases.m
        over = room == 0 or jacobian.products - before >= most
        small = SLACK * _allowed(s, tol)
        if not over and (bases.m < k or bool((bases.newest(p) > small).any())):
            new, searched = new[:, :room], None
            continue
        missing = bases.missing(p, s, q)
        unfinished = missing.norm(dim=0) > small
        if over:
            missed = 0.0 if room == 0 else missed
            break
        if bool(unfinished.any()):
            new, searched = missing[:, unfinished][:, : min(PAIR, room)], None
            continue
        if searched is None:
            searched, new, missed = bases.m, next(random)[:, None], 1.0
            continue
        last = float(s[-1] + _allowed(s, tol)[-1])
        missed = _missed(bases.largest_since(searched), last, bases.m - searched, d)
        if missed <= MISSED or bases.m - searched >= MOST_STEPS:
            break

    u, v = bases.left @ p, bases.right @ q
    residuals = torch.stack([(bases.pushed @ q - u * s).norm(dim=0), missing.norm(dim=0)], dim=1)
    allowed = _allowed(s, tol)
    signs = noise([0], (k,), seed=seed, stream="jacobian-check")[0].sign().double()
    off_u = jacobian.times((v @ signs)[:, None])[:, 0] - u @ (s * signs)
    off_v = jacobian.transposed_times((u @ signs)[:, None])[:, 0] - v @ (s * signs)
    again = torch.stack([off_u.norm(), off_v.norm()]) <= allowed.norm()
    converged = bool((residuals <= allowed[:, None]).all() and again.all())
    return JacobianSVD(u, s, v, residuals, jacobian.products - before, converged, missed)


def _allowed(s: Tensor, tol: float) -> Tensor:
    return tol * s.clamp(min=DECADE * float(s[0]))


def _missed(theta: float, last: float, steps: int, d: int) -> float:
    """Chance at most that a rest, of which these steps saw theta, has a value of `last` or more."""
    if theta == 0:
        return 0.0
    if theta >= last:
        return 1.0
    t = (theta / last) ** 2
    growth = min((steps - 1) * math.acosh(2 / t - 1), 700.0)  # cosh is finite below 710
    return min(1.0, math.sqrt(2 * d * t / (math.pi * (1 - t))) / math.cosh(growth))


def _directions(d: int, seed: int) -> Iterator[Tensor]:
    """Standard normal vectors (d,), float64, without end."""
    number = 0
    while True:
        yield noise([number], (d,), seed=seed, stream="jacobian")[0].double()
        number += 1
