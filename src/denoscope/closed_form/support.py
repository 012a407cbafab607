"""Which of a data set's pictures matter to noisy ones, and how much of that must be exact.

**Few matter at low noise.** Those whose float32 score (`Scores`) lies more than T sigma^2 + 2 bound
below the largest have weights below exp(-T) of the largest; with T = log(10 N / goal) all of them
together hold less than goal / 10 of the weight. They are left out, which moves the mean by at most
that share of the data's diameter. The others become a list of pairs (query, picture), to be scored
again in float64: near-duplicates, which float32 cannot tell apart, are all in the list.

**Many matter at high noise**: more than `DENSE` of them, and `FEW`. Their mean is one product of the weights of
all such queries with the data (`dense_sums`), from float32 scores. Rounding moves a log-weight by some
delta = rounding / sigma^2 (a twelfth of it for d = 784 and 3072, root mean square), so this is done where
delta < 10 goal only; elsewhere, as inside a large group of near-duplicates, all scores are formed in float64.
Roundings of many pictures average out; of pictures that hold more than (goal / delta)^2 of the
weight they do not, and these are listed all the same. What is left moves the mean by less than goal
of the data's spread, by the square root of the sum of squares w^2 delta^2.

goal is 1e-5 for float32 queries; 1e-9 for float64, whose scores and means are float64 throughout.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.closed_form.scores import BLOCK, Scores, at_a_time

__all__ = ["GOAL", "Support", "support_of"]

GOAL = {torch.float32: 1e-5, torch.float64: 1e-9}
DENSE = 1 / 128  # of the pictures: from here on a product is cheaper than a list,
FEW = 16  # which so many pictures never are


@dataclass(frozen=True)
class Support:
    """Which pictures matter to each of the queries, (L, B), and to what sum they are the rest.

    top: the largest score. dense: whether many pictures matter. pairs: (query, picture), as tensors
    (P,), of all that matter to the queries at which few do, and of those too heavy for float32 weights
    at the dense ones; the k nearest among them. total, squares: sum w and sum w^2, w = exp((a - top) /
    sigma^2) in float32, of dense queries; 0 elsewhere. cap: no picture that is not in pairs weighs more.
    """

    top: Tensor
    dense: Tensor
    pairs: list[tuple[Tensor, Tensor]]
    total: Tensor
    squares: Tensor
    cap: Tensor


def support_of(scores: Scores, k: int) -> Support | None:
    """None where float32 scores round too much for a query at which many pictures matter."""
    n, goal, sigma = len(scores.data), GOAL[scores.queries.dtype], scores.queries.sigma
    reach, step = math.log(10 * n / goal), max(1, at_a_time(scores.data) // n)
    top, total, squares, cap = (torch.zeros_like(sigma) for _ in range(4))
    found = Support(top, torch.zeros_like(sigma, dtype=torch.bool), [], total, squares, cap)
    for level in range(len(sigma)):
        for start in range(0, sigma.shape[1], step):
            here = (level, slice(start, start + step))
            variance = sigma[here].square()
            score = _Blocks(scores.of(*here, slice(None)))
            top[here], kth = score.largest(k)
            last = kth - 2 * scores.bound[here]
            floor = torch.minimum(last, last - kth + top[here] - reach * variance)
            crowded = score.more_than(max(FEW, DENSE * n), floor) & (variance > 0)
            dense = crowded & (scores.rounding[here] <= 10 * goal * variance)
            if scores.dtype == torch.float32 and not torch.equal(crowded, dense):
                return None
            found.dense[here] = dense
            many = dense.nonzero()[:, 0]
            if len(many):
                among = score.values if len(many) == len(dense) else score.values[many]
                weights = scores.weights(among[:, :n], top[here][many], variance[many])
                total[here][many] = weights.sum(1).double()
                squares[here][many] = torch.linalg.vector_norm(weights, dim=1).double().square()
                heavy = (goal * variance / scores.rounding[here]).square() * total[here]
                cap[here] = heavy.clamp(max=1.0)
                heavies = torch.minimum(last, top[here] + variance * heavy.log())
                floor = torch.where(dense, heavies, floor)
            row, picture = score.at_least(floor)
            found.pairs.append((row + level * sigma.shape[1] + start, picture))
    return found


class _Blocks:
    """Scores (n, m) with the largest of each block of columns, which say where to look."""

    def __init__(self, values: Tensor) -> None:
        self.values, self._blocks = values, values.unflatten(1, (-1, BLOCK))
        self._largest = self._blocks.amax(2)

    def largest(self, k: int) -> tuple[Tensor, Tensor]:
        """The largest and the k-th largest of each row, float64 (n,)."""
        if k == 1:
            top = self._largest.amax(1).double()
            return top, top
        blocks = self._largest.topk(min(k, self._largest.shape[1])).indices
        best = self._blocks.gather(1, blocks[..., None].expand(-1, -1, BLOCK)).flatten(1).topk(k)
        return best.values[:, 0].double(), best.values[:, -1].double()

    def more_than(self, limit: float, floor: Tensor) -> Tensor:
        """Whether more than limit >= 1 values of a row are no less than its floor, bool (n,)."""
        more = (self._largest >= self._bounded(floor)).sum(1) > limit
        row = self.at_least(torch.where(more, math.inf, floor))[0]
        return more | (torch.bincount(row, minlength=len(more)) > limit)

    def at_least(self, floor: Tensor) -> tuple[Tensor, Tensor]:
        """(row, column) of the values no less than their row's floor, (P,)."""
        floor = self._bounded(floor)
        row, block = (self._largest >= floor).nonzero().unbind(1)
        which, column = (self._blocks[row, block] >= floor[row]).nonzero().unbind(1)
        return row[which], block[which] * BLOCK + column

    def _bounded(self, floor: Tensor) -> Tensor:
        """(n, 1); above the -inf that fills the last block."""
        lowest = torch.finfo(self.values.dtype).min
        return floor[:, None].to(self.values.dtype).clamp(min=lowest)
