"""Pairs of pictures that may lie within a distance: none is missed, and few are looked at in full.

Orthonormal directions Q shorten, |Q^T (a - b)| <= |a - b|, and a few leading ones of a sample hold
much of a distance between pictures. So a pair whose projections lie further apart than r, in any one
direction or in all together, is not within r. One set is halved along its widest direction, and each half
goes on with those of the other set alone that lie within r of its extent there, again and again, until
cells are small: two clouds of the breadth of a few r leave hundredths of the pairs. In those left, one
product of the k + 2 numbers

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
CELL = 128  # pictures at most
COLUMNS = 4096  # compared with a cell at a time: 4 MiB of float32
PAIRED = 1 << 19  # pixels of pairs at a time: they stay in the cache


def candidate_pairs(a: Pictures, b: Pictures, limit: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions (i, j), int64 (P,) each, among which are all pairs with |a_i - b_j|^2 <= limit.

    Squared distances are on the uint8 scale. Where b is a, a pair comes in one order or in both, and a
    picture with itself. Held: the projections, 64 to 256 bytes a picture, and positions, 25 to 130.
    Raises InputError for anything not uint8.
    """
    axes = _directions(b, limit)
    left = _points(a, axes)
    right = left if b is a else _points(b, axes)
    d, k = axes.shape
    reach = (math.sqrt(limit) + 2 * _rounding(k, d)) * (1 + 1e-5)
    unit = torch.finfo(torch.float32).eps * (k + 12)
    half = reach**2 / 2 + 4 * unit * float(max(left[:, -1].max(), right[:, -1].max()))
    for cell, near in _cells(left, right, reach):
        p, ones, norms = left[cell].split([k, 1, 1], dim=1)
        rows = torch.cat([-p, norms, ones], dim=1)
        for j in near.split(COLUMNS):
            halves = rows @ right.index_select(0, j).T
            # Next to no column holds a pair, and least values are found faster than all compared.
            hit = (halves.amin(0) <= half).nonzero()[:, 0]
            one, two = (halves[:, hit] <= half).nonzero().unbind(1)
            if len(one):
                yield cell[one], j[hit[two]]


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


def _points(pictures: Pictures, axes: Tensor) -> Tensor:
    """Projections q with what a product needs beside them, (q, 1, |q|^2 / 2): float32 (N, k + 2)."""
    d, k = axes.shape
    points = axes.new_ones(len(pictures), k + 2)
    step = max(32, (1 << 21) // d)
    for start in range(0, len(pictures), step):
        rows = centred(uint8_rows(pictures, slice(start, start + step))).float()
        points[start : start + len(rows), :k] = rows @ axes
    points[:, -1] = points[:, :k].square().sum(1) / 2
    return points


def _rounding(k: int, d: int) -> float:
    """By how much rounding can move a projection: |u| <= 128 sqrt(d), and (d + 8) e of each product.

    Eight more are for the comparison of one number of it with the extent of a cell.
    """
    return math.sqrt(k) * (d + 16) * torch.finfo(torch.float32).eps / 2 * 128 * math.sqrt(d)


def _cells(left: Tensor, right: Tensor, reach: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions of at most CELL of the left `_points`, and of all right ones that may be within reach.

    Where both are one set, those near that were in a cell before are left out: the pair was there.
    """
    again, seen = left is right, torch.zeros(len(right), dtype=torch.bool)
    waiting = [(torch.arange(len(left)), torch.arange(len(right)))]
    while waiting:
        cell, near = waiting.pop()
        if again:
            near = near[~seen[near]]
        if len(cell) <= CELL:
            if again:
                seen[cell] = True
            if len(near):
                yield cell, near
            continue
        inside = left[cell, :-2]
        widest = int((inside.amax(0) - inside.amin(0)).argmax())
        value, order = inside[:, widest].sort()
        there = right[:, widest].index_select(0, near)
        for ends, half in zip(value.tensor_split(2), cell[order].tensor_split(2), strict=True):
            low, high = float(ends[0]) - reach, float(ends[-1]) + reach
            waiting.append((half, near[(there >= low) & (there <= high)]))
