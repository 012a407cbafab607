"""Do two sets of directions agree: vector by vector, and as the spaces that they span?

Single singular vectors are defined only where their value stands apart from all others: in a
cluster of nearly equal values any rotation of them is as good, and their correlations say nothing.
Spans of whole clusters are defined, and so are their principal angles. `subspace_overlap` asks a
third question, to which neither order nor clusters matter much: how much of the first k directions
lies in the span of the other first k.

Directions are columns, (d, k), orthonormal; signs are free.
"""

from itertools import pairwise

import torch
from torch import Tensor

from denoscope.errors import InputError

__all__ = [
    "cluster_angles",
    "clusters",
    "principal_angles",
    "subspace_overlap",
    "vector_correlation",
]


def vector_correlation(u1: Tensor, u2: Tensor) -> Tensor:
    """|U1^T U2|, float64 (k1, k2), in [0, 1] (Li et al. 2024, figs 4 and 28). Its diagonal: in pairs.

    u1: (d, k1), u2: (d, k2). Chance: about sqrt(2 / (pi d)) everywhere.

    >>> vector_correlation(torch.eye(3)[:, :2], torch.eye(3)[:, [1, 0]])
    tensor([[0., 1.],
            [1., 0.]], dtype=torch.float64)
    """
    u1, u2 = _directions(u1, u2)
    return (u1.T @ u2).abs().clamp(max=1.0)


def subspace_overlap(u1: Tensor, u2: Tensor) -> Tensor:
    """(1/k) ||U1[:, :k]^T U2[:, :k]||_F^2 for k = 1 .. K, float64 (K,), in [0, 1]; chance: k / d.

    The share of the first k directions of one that lies in the span of the first k of the other;
    K is the smaller number of columns. 1 where both span one space, whatever the vectors in it.
    """
    u1, u2 = _directions(u1, u2)
    k = min(u1.shape[1], u2.shape[1])
    squares = (u1[:, :k].T @ u2[:, :k]).square()
    inside = squares.cumsum(0).cumsum(1).diagonal()
    counts = torch.arange(1, k + 1, dtype=torch.float64, device=inside.device)
    return (inside / counts).clamp(max=1.0)


def principal_angles(u1: Tensor, u2: Tensor) -> Tensor:
    """Angles between the spans of equally many directions, float64 (k,), radians, from small to large.

    The largest is 0 for one space and pi/2 where one holds a direction orthogonal to the other.
    Taken from sines and cosines together (Bjorck & Golub 1973): right down to 1e-15.
    """
    u1, u2 = _directions(u1, u2)
    if u1.shape[1] != u2.shape[1]:
        raise InputError(
            f"spans of {u1.shape[1]} and {u2.shape[1]} directions; give equally many of both"
        )
    shared = u1.T @ u2
    cosines = torch.linalg.svdvals(shared)
    sines = torch.linalg.svdvals(u2 - u1 @ shared).flip(0)
    return torch.atan2(sines, cosines)


def clusters(values: Tensor, gap: float = 1e-2) -> list[slice]:
    """Places of a decreasing spectrum (n,), n >= 1, cut where values[i] - values[i+1] > gap * values[i].

    The last cluster is closed only where the spectrum is whole: give one value more than is used,
    and leave the last cluster out, where it is not.

    >>> clusters(torch.tensor([3.0, 2.0, 1.999, 1.0]))
    [slice(0, 1, None), slice(1, 3, None), slice(3, 4, None)]
    """
    values = values.detach().to(torch.float64)
    if values.ndim != 1 or len(values) == 0 or bool((values.diff() > 0).any()):
        raise InputError("give the values as (n,), from large to small")
    cuts = (-values.diff() > gap * values[:-1]).nonzero()[:, 0] + 1
    edges = [0, *cuts.tolist(), len(values)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def cluster_angles(u1: Tensor, u2: Tensor, values: Tensor, gap: float = 1e-2) -> Tensor:
    """The largest principal angle of each cluster of `values`, float64, radians, one a cluster.

    u1, u2: (d, k), vectors belonging to the first k of the decreasing `values` (n,), n >= k. A
    cluster that reaches beyond the first k is left out: part of it has no span of its own. With
    n = k the last cluster counts as closed, which is right where k is all there is.
    """
    u1, u2 = _directions(u1, u2)
    k = u1.shape[1]
    if u2.shape[1] != k or not len(values) >= k:
        raise InputError(
            f"{k} and {u2.shape[1]} vectors with {len(values)} values; give k, k and k or more"
        )
    closed = [part for part in clusters(values, gap) if part.stop <= k]
    angles = [principal_angles(u1[:, part], u2[:, part])[-1] for part in closed]
    return torch.stack(angles) if angles else torch.zeros(0, dtype=torch.float64)


def _directions(u1: Tensor, u2: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64, after checking that they are columns of one length."""
    if u1.ndim != 2 or u2.ndim != 2 or u1.shape[0] != u2.shape[0] or 0 in (*u1.shape, *u2.shape):
        raise InputError(
            f"directions of shapes {tuple(u1.shape)} and {tuple(u2.shape)}; give columns, (d, k)"
        )
    return u1.detach().to(torch.float64), u2.detach().to(torch.float64)
