"""Which of a data set's pictures matter to noisy ones, and how much of that must be exact.

**Few matter at low noise.** Those whose float32 score (`Scores`) lies more than T sigma^2 + 2 bound
below the largest have weights below exp(-T) of the largest; with T = log(10 N / goal) all of them
together hold less than goal / 10 of the weight. They are left out, which moves the mean by at most
that share of the data's diameter. The others become a list of pairs (query, picture), to be scored
again in float64: near-duplicates, which float32 cannot tell apart, are all in the list.

**Many matter at high noise**: more than `DENSE` of them, and `FEW`. Their mean is one product of the float32
weights of all such queries with the data. Rounding moves a log-weight by some delta = rounding /
sigma^2 (a twelfth of it for d = 784 and 3072, root mean square), so this is done where delta < 10
goal only; elsewhere, as inside a large group of near-duplicates, all scores are formed in float64.
Roundings of many pictures average out; of pictures that hold more than (goal / delta)^2 of the
weight they do not, and these are listed all the same. What is left moves the mean by less than goal
of the data's spread, by the square root of the sum of squares w^2 delta^2.

goal is 1e-5 for float32 queries; 1e-9 for float64, whose scores and means are float64 throughout.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.closed_form.scores import Scores

__all__ = ["Support", "dense_sums", "heavy_pairs", "support_of"]

GOAL = {torch.float32: 1e-5, torch.float64: 1e-9}
DENSE = 1 / 128  # of the pictures: from here on a product is cheaper than a list,
FEW = 16  # which so many pictures never are
SUMMED = 16  # chunks added up in float32 before float64 takes over,
NARROW = 16  # and one for so few queries: there, products add picture after picture
SCANNED = 1 << 20  # scores looked at together: they stay in the cache


@dataclass(frozen=True)
class Support:
    """top: the largest score of each query, (L, B). last: the k-th less what rounding may hide.
    dense: whether many pictures matter. pairs: (query, picture) of all pictures that matter to
    the queries at which few do, their k nearest among them, as tensors (P,).
    """

    top: Tensor
    last: Tensor
    dense: Tensor
    pairs: list[tuple[Tensor, Tensor]]


def support_of(scores: Scores, k: int) -> Support | None:
    """None where float32 scores round too much for a query at which many pictures matter."""
    n, goal, sigma = len(scores.data), GOAL[scores.queries.dtype], scores.queries.sigma
    reach, step = math.log(10 * n / goal), max(1, SCANNED // n)
    dense = torch.zeros_like(sigma, dtype=torch.bool)
    found = Support(torch.empty_like(sigma), torch.empty_like(sigma), dense, [])
    for level in range(len(sigma)):
        for start in range(0, sigma.shape[1], step):
            rows = slice(start, start + step)
            variance = sigma[level, rows].square()
            score = scores.of(level, rows, slice(None))
            best = score.amax(1, True) if k == 1 else score.topk(k, dim=1).values
            top, kth = best[:, 0].double(), best[:, -1].double()
            last = kth - 2 * scores.bound[level, rows]
            floor = torch.minimum(last, last - kth + top - reach * variance)
            listed = score >= floor.to(score.dtype)[:, None]
            crowded = (listed.sum(1, dtype=torch.int32) > max(FEW, DENSE * n)) & (variance > 0)
            dense = crowded & (scores.rounding[level, rows] <= 10 * goal * variance)
            if scores.dtype == torch.float32 and not torch.equal(crowded, dense):
                return None
            found.top[level, rows], found.last[level, rows] = top, last
            found.dense[level, rows] = dense
            if bool(dense.all()):
                continue
            if bool(dense.any()):
                listed &= ~dense[:, None]
            row, picture = listed.nonzero().unbind(1)
            found.pairs.append((row + level * sigma.shape[1] + start, picture))
    return found


def dense_sums(
    scores: Scores, support: Support, chunk: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """sum w u, (d, L B), sum w and sum w^2, (L, B), with w = exp((a - top) / sigma^2).

    The levels with dense queries alone, whose numbers come first, (L,); these go through the
    product whole.
    """
    levels = support.dense.any(1).nonzero()[:, 0]
    top, sigma = support.top[levels], scores.queries.sigma[levels]
    total, squares = torch.zeros_like(top), torch.zeros_like(top)
    variance, highest = (t.to(scores.dtype)[..., None] for t in (sigma.square(), top))
    sums = sigma.new_zeros(scores.data.stored.shape[1], top.numel())
    part = torch.zeros_like(sums, dtype=scores.dtype)
    summed = 1 if top.numel() < NARROW else SUMMED
    chunks = scores.data.chunks(chunk, scores.dtype) if len(levels) else ()
    for number, (start, values) in enumerate(chunks, 1):
        weights = values.new_empty(*top.shape, len(values))
        for place, level in enumerate(levels.tolist()):
            score = scores.of(level, slice(None), slice(start, start + len(values)))
            torch.sub(score, highest[place], out=weights[place])
            weights[place].div_(variance[place]).exp_()
        total += weights.sum(2)
        squares += torch.linalg.vector_norm(weights, dim=2).square()
        # In this order the product is the faster by a seventh (MKL, measured).
        part.addmm_(values.T, weights.flatten(0, 1).T)
        if number % summed == 0:
            sums += part
            part.zero_()
    return levels, sums.add_(part), total, squares


def heavy_pairs(scores: Scores, support: Support, total: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """(query, picture) of dense queries' k nearest, and of what holds too much for float32 weights.

    total: sum w of `dense_sums`, (L, B).
    """
    n, goal, count = len(scores.data), GOAL[scores.queries.dtype], support.dense.shape[1]
    variance = scores.queries.sigma.square()
    heavy = (goal * variance / scores.rounding).square() * total
    floor = torch.minimum(support.last, support.top + variance * heavy.log())
    floor = torch.where(support.dense, floor, math.inf).to(scores.dtype)[..., None]
    step = max(1, SCANNED // n)
    for level in support.dense.any(1).nonzero()[:, 0].tolist():
        for start in range(0, count, step):
            rows = slice(start, start + step)
            score = scores.of(level, rows, slice(None))
            row, picture = (score >= floor[level, rows]).nonzero().unbind(1)
            yield row + level * count + start, picture
