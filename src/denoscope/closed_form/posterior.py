"""The posterior over a data set's pictures given noisy ones, and how much of it must be exact.

**Few pictures matter at low noise.** Those whose float32 score (`Scores`) lies more than T sigma^2
+ 2 bound below the largest have weights below exp(-T) of the largest; with T = log(10 N / goal) all
of them together hold less than goal / 10 of the weight. They are left out, which moves the mean by
at most that share of the data's diameter. The others become a list of pairs (query, picture), which
is scored again in float64, and whose weights and part of the mean are float64: near-duplicates,
which float32 cannot tell apart, are all in the list.

**Many matter at high noise**: more than `DENSE` of them. Their mean is one product of the float32
weights of all such queries with the data. Rounding moves a log-weight by some delta = rounding /
sigma^2 (a twelfth of it for d = 784 and 3072, root mean square), so this is done where delta < 10
goal only; elsewhere, as inside a large group of near-duplicates, all scores are formed in float64.
Roundings of many pictures average out; of pictures that hold more than (goal / delta)^2
of the weight they do not, and these are scored again all the same. What is left moves the mean by
less than goal of the data's spread, by the square root of the sum of squares w^2 delta^2.

goal is 1e-5 for float32 queries; 1e-9 for float64, whose scores and means are float64 throughout.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.scores import Queries, Scores, pair_blocks

__all__ = ["Posterior", "posteriors_of", "unnormalized_weights"]

GOAL = {torch.float32: 1e-5, torch.float64: 1e-9}
DENSE = 1 / 32  # of the pictures: from here on a product is cheaper than a list
HELD = 1 << 26  # bytes of scores held at a time, and as much again of slopes
SCANNED = 1 << 20  # scores looked at together: they stay in the cache


@dataclass(frozen=True)
class Posterior:
    """What the data set, as a prior, says of noisy pictures x at noise level sigma.

    x0_hat: the posterior mean, which is the multi-delta denoiser's result; x's shape and dtype.
    nearest: ids of the k nearest pictures, from near to far (ids of `Pictures`, positions for a
        plain tensor). Among pictures at equal distance any may come first.
    distances: |x - y|, Euclidean, picture units, of these.
    weights: posterior probabilities of these.
    effective_number: 1 / sum_i w_i^2 over all N pictures, from 1 (collapsed on one) to N.
    log_density: log p(x; sigma) = log (1/N) sum_i N(x; y_i, sigma^2 I), in nats. -inf at sigma =
        infinity; at sigma = 0 infinity on a picture and -inf elsewhere.
    """

    x0_hat: Float[Tensor, "B C H W"]
    nearest: Int[Tensor, "B k"]
    distances: Float[Tensor, "B k"]
    weights: Float[Tensor, "B k"]
    effective_number: Float[Tensor, " B"]
    log_density: Float[Tensor, " B"]


def posteriors_of(
    data: DataMatrix, half_norms: Tensor, queries: Queries, k: int, chunk: int | None = None
) -> list[Posterior]:
    """The posterior at each of the queries' L levels, with the k nearest pictures.

    half_norms: float64 (N,), |u|^2 / 2. Working memory: `HELD` twice over, and the results.
    """
    width = torch.finfo(queries.dtype).bits // 8
    parts = []
    for part in queries.split(max(1, HELD // width // len(data))):
        scores = Scores(data, half_norms, part, chunk)
        listed = _scan(scores, k)
        if listed is None:
            scores = Scores(data, half_norms, part, chunk, exact=True)
            listed = _scan(scores, k)
            assert listed is not None
        parts.append(_posteriors(scores, k, chunk, *listed))
    return [
        Posterior(**{name: torch.cat([part[name][level] for part in parts]) for name in parts[0]})
        for level in range(len(queries.sigma))
    ]


def unnormalized_weights(gap: Tensor, variance: Tensor, tie: Tensor) -> Tensor:
    """exp(gap / variance) for gap = a - max(a) <= 0; where variance is 0 its limit.

    The limit is 1 for the nearest pictures and 0 for others; gaps up to `tie`, the rounding of the
    scores, count as equally near. variance and tie broadcast with gap.
    """
    zero = variance == 0
    if not bool(zero.any()):
        return torch.exp(gap / variance)
    smooth = torch.exp(gap / torch.where(zero, 1.0, variance))
    return torch.where(zero, (gap >= -tie).to(gap.dtype), smooth)


def _posteriors(
    scores: Scores, k: int, chunk: int | None, dense: Tensor, query: Tensor, picture: Tensor
) -> dict[str, Tensor]:
    """Each field of `Posterior` as (L, B, ...), from what `_scan` lists."""
    data, queries = scores.data, scores.queries
    shape = queries.sigma.shape
    variance, tie = queries.sigma.flatten().square(), scores.tie.flatten()
    score = scores.again(query, picture)
    top = score.new_full((shape.numel(),), -math.inf).scatter_reduce(0, query, score, "amax")
    weights = unnormalized_weights(score - top[query], variance[query], tie[query])

    mean, total, squares = _dense_sums(scores, dense, top, chunk)
    # Listed pairs of dense queries are in these sums already, with their float32 weights.
    twice = dense.flatten()[query].nonzero()[:, 0]
    gap = scores.of_pairs(query[twice], picture[twice]) - top[query[twice]].to(scores.dtype)
    coarse = torch.zeros_like(weights)
    coarse[twice] = torch.exp(gap / variance[query[twice]].to(scores.dtype)).double()
    correction = weights - coarse
    total.index_add_(0, query, correction)
    squares.index_add_(0, query, weights.square() - coarse.square())
    for block in pair_blocks(len(query), data):
        rows = data.rows(picture[block]).mul_(correction[block, None])
        mean.index_add_(0, query[block], rows)

    # The first k pairs of each query, best first.
    order = score.argsort(descending=True, stable=True)
    order = order[query[order].argsort(stable=True)]
    counts = torch.bincount(query, minlength=shape.numel())
    first = order[(counts.cumsum(0) - counts)[:, None] + torch.arange(k, device=order.device)]
    # Distances are formed anew as differences: near a picture the score alone would cancel.
    z = queries.at(torch.arange(shape.numel(), device=query.device))
    distances = torch.stack(
        [torch.linalg.vector_norm(z - data.rows(row), dim=1) for row in picture[first].T], dim=1
    )
    density = _log_density(distances[:, 0], variance, total, tie, data)
    mean = data.pictures(mean.div_(total[:, None])).to(queries.dtype)
    return {
        "x0_hat": mean.reshape(*shape, *data.shape),
        "nearest": data.ids[picture[first]].reshape(*shape, k),
        "distances": (distances * data.scale).reshape(*shape, k),
        "weights": (weights[first] / total[:, None]).reshape(*shape, k),
        "effective_number": (total.square() / squares).reshape(shape),
        "log_density": density.reshape(shape),
    }


def _scan(scores: Scores, k: int) -> tuple[Tensor, Tensor, Tensor] | None:
    """Which queries are dense, (L, B), and the pairs to score again: (query, picture), (P,) each.

    Every query has its k nearest pictures in the list. None where float32 scores round too much for
    a query at which many pictures matter, so that they would all have to be in the list.
    """
    n, goal = len(scores.data), GOAL[scores.queries.dtype]
    reach, step = math.log(10 * n / goal), max(1, SCANNED // n)
    levels, count = scores.queries.sigma.shape
    dense = torch.zeros_like(scores.queries.sigma, dtype=torch.bool)
    query, picture = [], []
    for level in range(levels):
        for start in range(0, count, step):
            rows = slice(start, start + step)
            variance = scores.queries.sigma[level, rows, None].square()
            rounding = scores.rounding[level, rows, None]
            score = scores.of(level, rows, slice(None))
            best = score.amax(1, True) if k == 1 else score.topk(k, dim=1).values
            top, last = best[:, :1], best[:, -1:].double() - 2 * scores.bound[level, rows, None]
            floor = torch.minimum(last, last - best[:, -1:] + top - reach * variance)
            listed = score >= floor.to(score.dtype)
            crowded = (listed.sum(1, keepdim=True) > DENSE * n) & (variance > 0)
            many = crowded & (rounding <= 10 * goal * variance)
            if scores.dtype == torch.float32 and bool((crowded & ~many).any()):
                return None
            if bool(many.any()):
                weights = torch.exp((score - top) / variance.to(score.dtype))
                heavy = (goal * variance / rounding).square() * weights.sum(1, keepdim=True)
                kept = (weights > heavy.to(score.dtype)) | (score >= last.to(score.dtype))
                listed = torch.where(many, kept, listed)
            dense[level, rows] = many[:, 0]
            row, column = listed.nonzero().unbind(1)
            query.append(row + level * count + start)
            picture.append(column)
    return dense, torch.cat(query), torch.cat(picture)


def _dense_sums(
    scores: Scores, dense: Tensor, top: Tensor, chunk: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """sum w u, (L B, d), sum w and sum w^2, (L B,), with w = exp((a - top) / sigma^2).

    Nought for queries that are not dense. A level with dense rows goes through the product whole.
    """
    (levels, rows), d = dense.shape, scores.data.stored.shape[1]
    mean, total, squares = (top.new_zeros(levels, rows, size) for size in (d, 1, 1))
    chosen = dense.any(1).nonzero()[:, 0].tolist()
    variance = scores.queries.sigma.square()[..., None].to(scores.dtype)
    highest = top.reshape(levels, rows, 1).to(scores.dtype)
    sums = variance.new_zeros(len(chosen) * rows, d)
    for start, values in scores.data.chunks(chunk, scores.dtype) if chosen else ():
        weights = values.new_empty(len(chosen), rows, len(values))
        for place, level in enumerate(chosen):
            columns = slice(start, start + len(values))
            gap = scores.of(level, slice(None), columns) - highest[level]
            torch.exp(gap.div_(variance[level]), out=weights[place])
        total[chosen] += weights.sum(2, keepdim=True, dtype=torch.float64)
        squares[chosen] += weights.square().sum(2, keepdim=True, dtype=torch.float64)
        sums.addmm_(weights.flatten(0, 1), values)
    mean[chosen] = sums.reshape(len(chosen), rows, d).double()
    for part in (mean, total, squares):
        part[~dense] = 0.0
    return mean.flatten(0, 1), total.flatten(), squares.flatten()


def _log_density(
    nearest: Tensor, variance: Tensor, total: Tensor, tie: Tensor, data: DataMatrix
) -> Tensor:
    """log p(x; sigma), (L B,). nearest: the smallest distance. total: sum of exp(gap / sigma^2)."""
    density = (
        -nearest.square() / (2 * variance)
        + total.log()
        - math.log(len(data))
        - data.stored.shape[1] / 2 * torch.log(2 * math.pi * variance * data.scale**2)
    )
    on_picture = torch.where(nearest.square() <= 2 * tie, math.inf, -math.inf)
    return torch.where(variance == 0, on_picture, density)
