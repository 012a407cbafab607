"""The k best of many pictures for each of many queries, picked while the scores are in the cache.

Scores come tile by tile and are looked at once. Of each group of pictures the largest is taken; the
k-th largest of these maxima over all groups so far belongs to k different pictures, so it is no more
than the k-th largest score. Only groups whose maximum reaches it are looked into, and what reaches it
there is listed: of tiles 1 .. t that is some k (1 + log t) pictures a query, among them the k best.
Sorting whole tiles would cost more than the products that make them.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Shortlist", "ranked"]

GROUP = 64  # pictures at most
GROUPS = 16  # times k, at least, so that few of the best share a group
LISTED = 1 << 22  # entries, at which those that are no longer near enough are dropped


class Shortlist:
    """Entries (query, picture, score) that may be among the k largest scores of their query.

    n: how many pictures there are. floor: what a score must reach if the k-th largest is at least the
    given one, (B,) to (B,), where scores are not exact. Pictures that score -inf (of integers, the
    least there is) are never listed.
    """

    def __init__(
        self,
        queries: int,
        k: int,
        n: int,
        like: Tensor,
        floor: Callable[[Tensor], Tensor] = lambda best: best,
    ) -> None:
        kind = like.dtype
        self.lowest = -math.inf if kind.is_floating_point else torch.iinfo(kind).min
        self.group = max(1, min(GROUP, n // (GROUPS * k)))
        self.best = torch.full((k, queries), self.lowest, dtype=kind, device=like.device)
        self.floor, self.limit = floor, LISTED
        self.parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, start: int, scores: Tensor) -> None:
        """The scores (m, B) of the pictures from `start` on."""
        short = -len(scores) % self.group
        if short:
            scores = torch.nn.functional.pad(scores, (0, 0, 0, short), value=self.lowest)
        groups = scores.unflatten(0, (-1, self.group))
        tops = groups.amax(1)
        self.best = torch.cat([self.best, tops]).topk(len(self.best), dim=0).values
        floor = self._reached(self.best[-1])
        group, query = ((tops >= floor) & (tops > self.lowest)).nonzero().unbind(1)
        inside = groups[group, :, query]
        near = (inside >= floor[query, None]) & (inside > self.lowest)
        entry, place = near.nonzero().unbind(1)
        picture = start + group[entry] * self.group + place
        self.parts.append((query[entry], picture, inside[entry, place]))
        if sum(len(part[0]) for part in self.parts) > self.limit:
            self.parts = [self.entries()]
            self.limit = max(LISTED, 2 * len(self.parts[0][0]))

    def entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """(query, picture, score) of what may be among the k best of all seen so far, (P,) each.

        By query, and highest score first.
        """
        parts = [torch.cat(part) for part in zip(*self.parts, strict=True)]
        order, rank = ranked(parts[0], parts[2], descending=True)
        query, picture, score = (part[order] for part in parts)
        kth, last = self.best[-1].clone(), rank == len(self.best) - 1
        kth[query[last]] = score[last]
        near = score >= self._reached(kth)[query]
        return query[near], picture[near], score[near]

    def _reached(self, best: Tensor) -> Tensor:
        """The floor of queries that have k pictures."""
        return torch.where(best > self.lowest, self.floor(best).to(best.dtype), best)


def ranked(query: Tensor, key: Tensor, descending: bool = False) -> tuple[Tensor, Tensor]:
    """(order, rank): by query and then key, equal ones as they come; each one's place in its query."""
    order = key.argsort(stable=True, descending=descending)
    order = order[query[order].argsort(stable=True)]
    counts = query.bincount()
    first = counts.cumsum(0) - counts
    return order, torch.arange(len(order), device=order.device) - first[query[order]]
