"""Leading singular vectors of a denoiser's Jacobian, without the Jacobian (Li et al. 2024, App. H.2).

Wanted: the k largest s_i of J (d, d) with J v_i = s_i u_i and J^T u_i = s_i v_i. Kept are two
orthonormal bases that grow together, V (d, m) and U (d, m), with J V = U R (R upper triangular, m x m,
float64). The SVD of R gives the best triplets that the bases hold, for which J v = s u exactly;
what is missing is

    r_i = J^T u_i - s_i v_i,

and the next directions of V are the r_i of the leading triplets that are not accurate yet. From a
random start this spans what block Golub-Kahan-Lanczos spans, but spends no product on triplets
that are finished, and the start may be k wide, so that a value repeated k times is found k times,
while each step adds only a few vectors. All directions are kept, nothing is restarted: for d up to
some ten thousand the bases are small beside a network's own memory, and the number of products is
the least that a Krylov method needs.

The found triplets are then multiplied once more: `residuals` are measured, not inferred, and
`converged` is what they say. They prove that each triplet is one of J's; that no larger one was
missed rests on the random start, which is blind to a direction with probability zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.jacobian import Jacobian
from denoscope.noise import noise

__all__ = ["JacobianSVD", "jacobian_svd"]

STEP = 8  # directions added at a time: a network takes eight vectors for the price of four single
SLACK = 0.5  # aimed at below what is asked, so that the rounding of the last check does not undo it
KEPT, MOST_PASSES = 0.7, 4
"""A pass that leaves less of a unit vector is repeated: what it left is rounded, relative to itself."""
DECADE = 0.1  # values below this share of the largest are held to its accuracy


@dataclass(frozen=True)
class JacobianSVD:
    """The k leading singular triplets of J at one point; float64 on the CPU.

    u, v: (d, k), orthonormal columns, left and right singular vectors (the sign of a pair is
    free). s: (k,), from large to small. residuals: (k, 2), ||J v - s u|| and ||J^T u - s v|| of
    each, measured with fresh products. products: J v and J^T u that were spent, all in all.
    converged: whether all residuals are below tol * max(s_i, s_1 / 10).
    """

    u: Tensor
    s: Tensor
    v: Tensor
    residuals: Tensor
    products: int
    converged: bool


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
    left = right = pulled = torch.zeros(d, 0, dtype=torch.float64)  # U, V and J^T U
    r = torch.zeros(0, 0, dtype=torch.float64)
    new = torch.stack([next(random) for _ in range(min(d, max(k, STEP)))], dim=1)
    while True:
        new = _complement(new, right, random)
        pushed = jacobian.times(new)
        images = _complement(pushed, left, random)
        right, left = torch.cat([right, new], dim=1), torch.cat([left, images], dim=1)
        pulled = torch.cat([pulled, jacobian.transposed_times(images)], dim=1)
        below = torch.zeros(images.shape[1], r.shape[1], dtype=torch.float64)
        r = torch.cat([torch.cat([r, below]), left.T @ pushed], dim=1)

        p, s, qh = torch.linalg.svd(r)
        p, s, q = p[:, :k], s[:k], qh[:k].T
        missing = pulled @ p - right @ (q * s)
        unfinished = missing.norm(dim=0) > SLACK * _allowed(s, tol)
        room = min(STEP, d - right.shape[1])
        if not bool(unfinished.any()) or room == 0 or jacobian.products - before >= most:
            break
        new = missing[:, unfinished][:, :room]

    u, v = left @ p, right @ q
    off_u = (jacobian.times(v) - u * s).norm(dim=0)
    off_v = (jacobian.transposed_times(u) - v * s).norm(dim=0)
    residuals = torch.stack([off_u, off_v], dim=1)
    converged = bool((residuals <= _allowed(s, tol)[:, None]).all())
    return JacobianSVD(u, s, v, residuals, jacobian.products - before, converged)


def _allowed(s: Tensor, tol: float) -> Tensor:
    return tol * s.clamp(min=DECADE * float(s[0]))


def _directions(d: int, seed: int) -> Iterator[Tensor]:
    """Standard normal vectors (d,), float64, without end."""
    number = 0
    while True:
        yield noise([number], (d,), seed=seed, stream="jacobian")[0].double()
        number += 1


def _complement(block: Tensor, basis: Tensor, random: Iterator[Tensor]) -> Tensor:
    """Orthonormal columns, orthogonal to those of `basis`, with what `block` adds to its span.

    As many as the block has: where it adds nothing, as all of J's image may be spanned already,
    random directions take the place.
    """
    out = block
    for _ in range(MOST_PASSES):
        lengths = out.norm(dim=0)
        out = out / torch.where(lengths > 0, lengths, 1)
        out = out - basis @ (basis.T @ out)
        lost = (out.norm(dim=0) < 1e-10).nonzero()[:, 0].tolist()
        for column in lost:
            fresh = next(random)
            out[:, column] = fresh - basis @ (basis.T @ fresh)
        out, rest = torch.linalg.qr(out)
        if not lost and bool((rest.diagonal().abs() > KEPT).all()):
            break  # little was taken away, so its rounding is little too
    return out
