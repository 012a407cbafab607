"""The posterior over a data set's pictures given noisy ones, at several levels at once.

What matters is settled by float32 scores, with a proven bound (`support`). Pictures that matter are
scored again in float64, and their weights and part of the mean are float64; where many matter the
rest of the mean is a product of whole numbers, or of float32 (`dense_sums`).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.dense_sums import dense_sums
from denoscope.closed_form.scores import Queries, Scores, pair_blocks
from denoscope.closed_form.support import Support, support_of

__all__ = ["Posterior", "posteriors_of", "unnormalized_weights"]

HELD = 3 << 24  # bytes of scores held at a time, and as much again of slopes


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
    parts = [
        _posteriors(*_settled(data, half_norms, part, k, chunk), k, chunk)
        for part in queries.split(max(1, HELD // width // len(data)))
    ]
    return [
        Posterior(**{name: torch.cat([part[name][level] for part in parts]) for name in parts[0]})
        for level in range(len(queries.sigma))
    ]


def _settled(
    data: DataMatrix, half_norms: Tensor, queries: Queries, k: int, chunk: int | None
) -> tuple[Scores, Support]:
    """Scores that settle which pictures matter: of float32 products, of float64 where need be."""
    scores = Scores(data, half_norms, queries, chunk)
    support = support_of(scores, k)
    if support is None:
        del scores  # as large as those that follow
        scores = Scores(data, half_norms, queries, chunk, exact=True)
        support = support_of(scores, k)
        assert support is not None
    return scores, support


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


def _posteriors(scores: Scores, support: Support, k: int, chunk: int | None) -> dict[str, Tensor]:
    """Each field of `Posterior` as (L, B, ...)."""
    data, queries, shape = scores.data, scores.queries, support.dense.shape
    dense, variance, tie = (
        part.flatten() for part in (support.dense, queries.sigma.square(), scores.tie)
    )
    in_sums, sums = dense_sums(scores, support, chunk)
    query, picture = (torch.cat(parts) for parts in zip(*support.pairs, strict=True))
    query, order = query.sort(stable=True)
    picture = picture[order]

    score = scores.again(query, picture)
    best = score.new_full((shape.numel(),), -math.inf).scatter_reduce(0, query, score, "amax")
    top = torch.where(dense, support.top.flatten(), best)
    weights = unnormalized_weights(score - top[query], variance[query], tie[query])
    # Listed pairs of dense queries are in the sums already, with their float32 weights up to the cap.
    twice = dense[query].nonzero()[:, 0]
    gap = scores.of_pairs(query[twice], picture[twice]) - top[query[twice]].to(scores.dtype)
    coarse = torch.zeros_like(weights)
    coarse[twice] = torch.exp(gap / variance[query[twice]].to(scores.dtype)).double()
    total = support.total.flatten().index_add(0, query, weights - coarse)
    squares = support.squares.flatten().index_add(0, query, weights.square() - coarse.square())
    correction = weights - torch.minimum(coarse, support.cap.flatten()[query])

    # The first k pairs of each query, best first.
    order = score.argsort(descending=True, stable=True)
    order = order[query[order].argsort(stable=True)]
    ends = torch.bincount(query, minlength=shape.numel()).cumsum(0)
    starts = torch.cat([ends.new_zeros(1), ends])
    first = order[starts[:-1, None] + torch.arange(k, device=order.device)]

    place = total.new_full((len(total),), -1, dtype=torch.int64)
    place[in_sums] = torch.arange(len(in_sums), device=place.device)
    mean = _means(scores, (sums, place), query, picture, correction / total[query], total)
    distances = _distances(scores, picture[first])
    effective, likely = total.square() / squares, weights[first] / total[:, None]
    # Of weights relative to the exact largest score, which is that of the smallest distance.
    total = torch.where(dense, total * torch.exp((top - best) / variance), total)
    density = _log_density(distances[:, 0], variance, total, tie, data)
    return {
        "x0_hat": mean.reshape(*shape, *data.shape),
        "nearest": data.ids[picture[first]].reshape(*shape, k),
        "distances": (distances * data.scale).reshape(*shape, k),
        "weights": likely.reshape(*shape, k),
        "effective_number": effective.reshape(shape),
        "log_density": density.reshape(shape),
    }


def _means(
    scores: Scores,
    dense_sum: tuple[Tensor, Tensor],
    query: Tensor,
    picture: Tensor,
    share: Tensor,
    total: Tensor,
) -> Tensor:
    """Posterior means, (L B, d), in picture units and the queries' dtype.

    dense_sum: sum w u, one a row, and which row is a query's, (L B,), -1 for none. query (in order),
    picture, share: pairs, and the part of the weight to be added. total: (L B,).
    """
    data, (sums, place) = scores.data, dense_sum
    ends = torch.bincount(query, minlength=len(total)).cumsum(0).tolist()
    means = sums.new_empty(len(total), sums.shape[1], dtype=scores.queries.dtype)
    for block in pair_blocks(len(total), data):
        mean = total.new_zeros(means[block].shape)
        many = (place[block] >= 0).nonzero()[:, 0]
        rows = block.start + many
        mean[many] = sums[place[rows]].double() / total[rows, None]
        start, stop = ([0, *ends][block.start], ends[block.start + len(mean) - 1])
        for part in pair_blocks(stop - start, data):
            pairs = torch.arange(start, stop, device=query.device)[part]
            weighted = data.rows(picture[pairs]).mul_(share[pairs, None])
            mean.index_add_(0, query[pairs] - block.start, weighted)
        means[block] = data.pictures(mean)
    return means


def _distances(scores: Scores, picture: Tensor) -> Tensor:
    """|z - u| of each query and the pictures of its row, (L B, k), in stored units.

    Formed anew as differences: near a picture the score alone would cancel.
    """
    distances = torch.empty_like(picture, dtype=torch.float64)
    for block in pair_blocks(len(picture), scores.data):
        z = scores.queries.at(torch.arange(len(picture), device=picture.device)[block])
        for place, row in enumerate(picture[block].T):
            rows = scores.data.rows(row)
            distances[block, place] = torch.linalg.vector_norm(rows.sub_(z), dim=1)
    return distances


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
