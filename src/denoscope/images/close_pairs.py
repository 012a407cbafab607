"""Pairs of pictures that may lie within a distance: none is missed, and few are looked at in full.

Orthonormal directions Q shorten, |Q^T (a - b)| <= |a - b|, and a few leading ones of a sample hold
much of a distance between pictures. So a pair whose projections lie further apart than r is not within
r. Cells of pictures whose projections are near each other (halved along their widest direction until
they are small) are compared box with box first; in those left, one product of the k + 2 numbers

    (-p, |p|^2 / 2, 1) . (q, 1, |q|^2 / 2) = |p - q|^2 / 2

decides about each pair. What rounding to float32 can take away is added to r. Whoever asks measures the
pairs that are left exactly (`pair_distances`). How many directions are taken, and how many pairs are
left, shows in the time alone: noise, which has no leading directions, costs as much as all pairs.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from denoscope.images.distances import squared_distances
from denoscope.images.integers import centred, uint8_rows
from denoscope.images.pictures import Pictures

__all__ = ["candidate_pairs", "pair_distances"]

SAMPLE = 1024  # pictures: half give directions, half tell how many of them are needed
WIDTHS = (16, 32, 64)  # numbers of directions tried: 256 bytes a picture are held at most
FEW = 1 / 2000  # of the pairs may be left: then measuring them costs less than the projections
CELL = 256  # pictures at most, and two at least
COLUMNS = 4096  # compared with a cell at a time: 4 MiB of float32
PAIRED = 1 << 19  # pixels of pairs at a time: they stay in the cache


def candidate_pairs(a: Pictures, b: Pictures, limit: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions (i, j), int64 (P,) each, among which are all pairs with |a_i - b_j|^2 <= limit.

    Squared distances are on the uint8 scale. Where b is a, a pair comes in one order or in both, and a
    picture with itself. Held: the projections, 64 to 256 bytes a picture, and twice that while they are
    put in order. Raises InputError for anything not uint8.
    """
    axes = _directions(b, limit)
    d, k = axes.shape
    others, columns = _in_cells(_projected(b, axes))
    own, points = (others, columns) if b is a else _in_cells(_projected(a, axes))
    reach = (math.sqrt(limit) + 2 * _rounding(k, d)) * (1 + 1e-5)
    low = torch.stack([cell[:, :k].amin(0) for cell in columns])
    high = torch.stack([cell[:, :k].amax(0) for cell in columns])
    largest = max(float(cell[:, -1].max()) for cell in (*points, *columns))
    half = reach**2 / 2 + 4 * torch.finfo(torch.float32).eps * (k + 12) * largest
    step = max(1, COLUMNS // CELL)
    for place, (cell, inside) in enumerate(zip(own, points, strict=True)):
        p = inside[:, :k]
        gap = (low - p.amax(0)).clamp_(min=0) + (p.amin(0) - high).clamp_(min=0)
        near = (gap.square().sum(1) <= reach**2 * (1 + 1e-5)).nonzero()[:, 0].tolist()
        if b is a:
            near = [other for other in near if other >= place]
        rows = torch.cat([-p, inside[:, -1:], inside[:, -2:-1]], dim=1)
        for some in (near[start : start + step] for start in range(0, len(near), step)):
            halves = rows @ torch.cat([columns[other] for other in some]).T
            # Few pictures have any within reach: their minimum says so, in half the time.
            hit = (halves.amin(0) <= half).nonzero()[:, 0]
            one, two = (halves[:, hit] <= half).nonzero().unbind(1)
            if len(one):
                yield cell[one], torch.cat([others[other] for other in some])[hit[two]]


def _in_cells(points: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """(positions, (q, 1, |q|^2 / 2)) of each cell, all numbers of a cell in one piece of memory."""
    cells = _cells(points)
    half_norms = points.square().sum(1, keepdim=True).div_(2)
    order = torch.cat(cells)
    numbers = torch.empty(len(points), points.shape[1] + 2)
    numbers[:, :-2], numbers[:, -2], numbers[:, -1:] = points[order], 1, half_norms[order]
    return cells, list(numbers.split([len(cell) for cell in cells]))


def pair_distances(a: Pictures, i: Tensor, b: Pictures, j: Tensor) -> Tensor:
    """Exact |a_i - b_j|^2 of pairs on the uint8 scale, int64 (P,)."""
    if not len(i):
        return i
    rows, row = i.unique(return_inverse=True)
    columns, column = j.unique(return_inverse=True)
    left, right = uint8_rows(a, rows), uint8_rows(b, columns)
    if len(rows) * len(columns) < 64 * len(i):  # a product is the cheaper then
        return squared_distances(left, right)[row, column]
    parts, step = [], max(1, PAIRED // left.shape[1])
    for one, two in zip(row.split(step), column.split(step), strict=True):
        difference = left[one].to(torch.int16) - right[two].to(torch.int16)
        parts.append(difference.to(torch.int32).square_().sum(1, dtype=torch.int64))
    return torch.cat(parts)


def _directions(pictures: Pictures, limit: int) -> Tensor:
    """Leading directions of a sample, (d, k), float32: as few as leave few pairs."""
    some = torch.linspace(0, len(pictures) - 1, min(SAMPLE, len(pictures))).round().long()
    u = centred(uint8_rows(pictures, some)).double()
    u -= u.mean(0)
    given = u[::2]
    _, turn = torch.linalg.eigh(given @ given.T)
    axes = torch.linalg.qr(given.T @ turn.flip(1)[:, : min(WIDTHS[-1], u.shape[1])]).Q
    p = u[1::2] @ axes  # of others: noise looks as if it had leading directions in its own
    shares = []
    for width in WIDTHS:
        near = torch.cdist(p[:, :width], p[:, :width]) <= math.sqrt(limit)
        shares.append(float(near.sum() - len(p)) / max(1, len(p) * (len(p) - 1)))
    enough = next(k for k, share in zip(WIDTHS, shares, strict=True) if share <= FEW + shares[-1])
    return axes[:, :enough].float()


def _projected(pictures: Pictures, axes: Tensor) -> Tensor:
    """(N, k), float32."""
    step = max(32, (1 << 21) // axes.shape[0])
    return torch.cat(
        [
            centred(uint8_rows(pictures, slice(start, start + step))).float() @ axes
            for start in range(0, len(pictures), step)
        ]
    )


def _rounding(k: int, d: int) -> float:
    """By how much rounding can move a projection: |u| <= 128 sqrt(d), and (d + 8) e of each product."""
    return math.sqrt(k) * (d + 8) * torch.finfo(torch.float32).eps / 2 * 128 * math.sqrt(d)


def _cells(points: Tensor) -> list[Tensor]:
    """Positions in cells of at most CELL, each halved along the direction in which it is widest."""
    cells = [torch.arange(len(points))]
    while len(cells[0]) > CELL:
        halves = []
        for cell in cells:
            inside = points[cell]
            widest = int((inside.amax(0) - inside.amin(0)).argmax())
            order = inside[:, widest].argsort()
            halves += cell[order].tensor_split(2)
        cells = halves
    return cells
