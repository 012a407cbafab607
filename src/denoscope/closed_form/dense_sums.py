"""Sums of a data set's pictures with weights of many: the product at high noise.

    sum_i min(w_i, c) u_i,    w_i = exp((a_i - max a) / sigma^2)

Pictures that weigh more than the cap c are few and listed (`support`); what they weigh beyond it is added
in float64 by whoever lists them. Of the rest none is large, which makes what rounding does to them small.

Where products are of whole numbers (`slices`) weights are rounded to 2 bytes, to steps h c with h =
1 / 65535, if that moves the mean by less than a sixteenth of the goal of `support`, root mean square:

    h c sqrt(N) / (2 sum_i w_i) <= goal / 16,

and to 3 bytes elsewhere, as fine as float32's. Otherwise they are a float32 product, in sums short enough
for its digits, or one in float64.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from denoscope.closed_form.scores import Scores, at_a_time
from denoscope.closed_form.slices import MOST, byte_digits, digit_sums
from denoscope.closed_form.support import GOAL, Support
from denoscope.images.integers import INT32_CONTRACTION, int8_products

__all__ = ["dense_sums"]

ROWS = 256  # queries a product of whole numbers
CHUNK = 128  # its pictures: the weights made at a time, over this
SUMMED = 16  # chunks added up in float32 before float64 takes over,
NARROW = 16  # and one for so few queries: there, products add picture after picture


def dense_sums(scores: Scores, support: Support, chunk: int | None) -> tuple[Tensor, Tensor]:
    """The dense queries' numbers, (n,), and their sums, float64 (n, d)."""
    query = support.dense.flatten().nonzero()[:, 0]
    if scores.whole or not len(query):
        sums = support.top.new_empty(len(query), scores.data.stored.shape[1])
        # The same of a picture whatever the query, chunk or device.
        draws = torch.rand(len(scores.data), generator=torch.Generator().manual_seed(0))
        draws = draws.to(sums.device)
        for count, rows in _groups(scores, support, query):
            sums[rows] = _of_whole_numbers(scores, support, chunk, query[rows], count, draws)
        return query, sums
    return query, _of_floats(scores, support, chunk, query)


def _groups(scores: Scores, support: Support, query: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(bytes a weight, places in query) for no more than ROWS queries each."""
    n, goal = len(scores.data), GOAL[scores.queries.dtype]
    cap, total = (part.flatten()[query] for part in (support.cap, support.total))
    two = cap * math.sqrt(n) / 2 / (256**2 - 1) <= goal / 16 * total
    for count, chosen in ((2, two), (MOST, ~two)):
        places = chosen.nonzero()[:, 0]
        yield from ((count, rows) for rows in places.split(ROWS) if len(rows))


def _of_whole_numbers(
    scores: Scores,
    support: Support,
    chunk: int | None,
    query: Tensor,
    count: int,
    draws: Tensor,
) -> Tensor:
    n, cap = len(query), support.cap.flatten()[query, None]
    scale, weights_of = (1 / cap).to(scores.dtype), _Weights(scores, support, query)
    sums = support.top.new_zeros(n, scores.data.stored.shape[1])
    whole = torch.zeros(count * n + 1, sums.shape[1], dtype=torch.int32, device=sums.device)
    made = at_a_time(scores.data)
    size, tile, held = min(chunk or max(1, made // CHUNK), INT32_CONTRACTION), max(1, made // n), 0
    digits = whole.new_empty(len(whole), size, dtype=torch.int8)
    digits[-1] = 1  # what the 128 taken from each digit amounts to
    for start, pictures in scores.data.byte_chunks(size):
        part = digits[:, : len(pictures)]
        of_weights = part[:-1].unflatten(0, (count, n))
        for first in range(0, len(pictures), tile):
            last = min(first + tile, len(pictures))
            weights = weights_of(slice(start + first, start + last)).mul_(scale)
            byte_digits(weights, draws[start + first : start + last], of_weights[..., first:last])
        if held + len(pictures) > INT32_CONTRACTION:
            sums += digit_sums(whole[:-1], whole[-1], count)
            whole.zero_()
            held = 0
        whole += int8_products(part, pictures.T)
        held += len(pictures)
    return sums.add_(digit_sums(whole[:-1], whole[-1], count)).mul_(cap)


def _of_floats(scores: Scores, support: Support, chunk: int | None, query: Tensor) -> Tensor:
    sums = support.top.new_zeros(len(query), scores.data.stored.shape[1])
    cap = support.cap.flatten()[query, None].to(scores.dtype)
    part = sums.new_zeros(sums.shape[::-1], dtype=scores.dtype)
    summed, weights_of = 1 if len(query) < NARROW else SUMMED, _Weights(scores, support, query)
    for number, (start, pictures) in enumerate(scores.data.chunks(chunk, scores.dtype), 1):
        weights = torch.minimum(weights_of(slice(start, start + len(pictures))), cap)
        # In this order the product is the faster by a seventh (MKL, measured).
        part.addmm_(pictures.T, weights.T)
        if number % summed == 0:
            sums += part.T
            part.zero_()
    return sums.add_(part.T)


class _Weights:
    """w of some queries, in order, for any range of pictures."""

    def __init__(self, scores: Scores, support: Support, query: Tensor) -> None:
        self._scores, self._levels = scores, []
        count = support.top.shape[1]
        level, row = query // count, query % count
        for one in level.unique().tolist():
            rows = row[level == one]
            first, last = int(rows[0]), int(rows[-1])
            # Rows that follow each other need no copy.
            picked = slice(first, last + 1) if last - first + 1 == len(rows) else rows
            of_rows = support.top[one, rows], scores.queries.sigma[one, rows].square()
            self._levels.append((one, picked, *of_rows))

    def __call__(self, columns: slice) -> Tensor:
        """(n, m), in the scores' dtype."""
        of = self._scores
        parts = [
            of.weights(of.of(level, rows, columns), top, variance)
            for level, rows, top, variance in self._levels
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)
