"""Nearest training pictures of any picture, exactly.

    -||x - y_i||^2 / 2 + ||x||^2 / 2 = <x, y_i> - ||y_i||^2 / 2 =: a_i

ranks a chunk of the training set with one matrix product, in int8 or float32, whichever is the
faster (`ranking`, which proves by how much such a score may be off). Pictures whose score is within
twice that of the k-th largest are listed as they come by (`Shortlist`) and measured again pixel by pixel
in float64, so that the k nearest are the k nearest, and a copy has distance 0 and not the square
root of a rounding.

The training set is streamed: memory is the queries plus one chunk, whatever its size.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.images.shortlist import Shortlist, ranked
from denoscope.metrics.ranking import ranking_of

__all__ = ["Nearest", "nearest", "nearest_outside"]

CHUNK_VALUES = 1 << 22  # values of a chunk: 16 MiB of float32 pixels, and no more of scores
QUERIES = 2_048  # looked for together
PAIRED = 1 << 18  # values of (query, picture) pairs at a time: they stay in the cache


@dataclass(frozen=True)
class Nearest:
    """The k nearest training pictures of each query, nearest first (ties: lower position first).

    ids: int64 (B, k), picture ids. positions: int64 (B, k), rows of the training set searched.
    distances: float64 (B, k), Euclidean, in pixel units of [-1, 1] (or of scaled latents).
    """

    ids: Tensor
    positions: Tensor
    distances: Tensor


def nearest(queries: Tensor, pictures: Pictures, k: int = 1) -> Nearest:
    """The k nearest of `pictures` to each query: exact to float64 rounding.

    queries: floats (B, C, H, W) in [-1, 1], on any device. k is cut to the size of the set.
    Training pixels are taken at the queries' precision (u8 / 127.5 - 1 rounded to float32 for
    float32 queries), as `Pictures.floats` gives them: a copied picture has distance exactly 0.
    Results are float64 and int64 on the queries' device.

    Raises InputError for another picture shape, an empty set, k below 1, NaN or infinity.
    """
    _check(queries, pictures)
    if k < 1:
        raise InputError(f"{k} nearest pictures asked; give 1 or more")
    k = min(k, len(pictures))
    norms = _unknown(pictures)
    found = [_Search(block, pictures, k, norms).result() for block in queries.split(QUERIES)]
    positions, distances = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Nearest(pictures.ids.to(positions.device)[positions], positions, distances)


def nearest_outside(
    queries: Tensor, pictures: Pictures, groups: Tensor, excluded: Tensor
) -> Nearest:
    """The nearest picture whose group is not the excluded one, for each query (k = 1).

    groups: int64 (N,), a label for each of `pictures`. excluded: int64 (B,), one for each query.
    Where every picture is excluded, id and position are -1 and the distance is infinite.
    """
    _check(queries, pictures)
    norms = _unknown(pictures)
    found = [
        _Search(block, pictures, 1, norms, (groups, own)).result()
        for block, own in zip(queries.split(QUERIES), excluded.split(QUERIES), strict=True)
    ]
    positions, distances = (torch.cat(parts) for parts in zip(*found, strict=True))
    positions = torch.where(distances.isinf(), -1, positions)
    ids = pictures.ids.to(positions.device)[positions.clamp(min=0)]
    return Nearest(torch.where(positions < 0, -1, ids), positions, distances)


def _unknown(pictures: Pictures) -> Tensor:
    """Half squared norms that are yet to be filled in, (N,)."""
    return torch.full((len(pictures),), math.nan, dtype=torch.float64)


def _check(queries: Tensor, pictures: Pictures) -> None:
    """Raises InputError unless the queries can be compared with the set."""
    if len(pictures) == 0:
        raise InputError("the training set is empty; give at least one picture")
    if queries.ndim != 4 or tuple(queries.shape[1:]) != tuple(pictures.shape):
        shape = ", ".join(map(str, pictures.shape))
        raise InputError(
            f"pictures of shape {tuple(queries.shape)} compared with a training set of ({shape}); "
            f"give (B, {shape})"
        )
    if not queries.is_floating_point():
        raise InputError(f"pictures are {queries.dtype}; give floats in [-1, 1], u8 / 127.5 - 1")
    if not bool(torch.isfinite(queries).all()):
        raise InputError("pictures hold NaN or infinity; give finite values")


class _Search:
    """The k nearest of a block of queries, ties to the lower position.

    half_norms: of all pictures, float64 (N,), NaN where not yet known: filled in here. apart: labels
    of the pictures (N,) and of the queries (B,); pictures of a query's own label are not for it.
    """

    def __init__(
        self,
        queries: Tensor,
        pictures: Pictures,
        k: int,
        half_norms: Tensor,
        apart: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.pictures, self.k, self.dtype = pictures, k, queries.dtype
        x = queries.detach().flatten(1)
        x = x.cpu() if x.device.type == "mps" else x  # which knows no float64
        self.x = x if x.dtype == torch.float64 else x.float()
        self.half_norms = half_norms.to(self.x.device)
        self.apart = apart and (apart[0].to(self.x.device), apart[1].to(self.x.device))
        self.ranking = ranking_of(self.x, pictures.scale)

    def result(self) -> tuple[Tensor, Tensor]:
        """(positions, distances), (B, k); the distance is infinite where no picture is left."""
        query, position = self._near()
        distance = self._distances(query, position)
        order = position.argsort()  # so that equal distances are settled by position
        query, position, distance = query[order], position[order], distance[order]
        order, rank = ranked(query, distance)
        order, rank = order[rank < self.k], rank[rank < self.k]
        positions = torch.zeros(len(self.x), self.k, dtype=torch.int64, device=self.x.device)
        distances = self.half_norms.new_full(positions.shape, math.inf)
        positions[query[order], rank] = position[order]
        distances[query[order], rank] = distance[order]
        return positions, distances

    def _near(self) -> tuple[Tensor, Tensor]:
        """(query, position) of all pairs that may be among the k nearest, (P,) each."""
        n, largest = len(self.pictures), 0.0
        like = self.x.new_empty(0, dtype=self.ranking.kind)
        near = Shortlist(
            len(self.x), self.k, n, like, lambda best: self.ranking.floor(best, largest)
        )
        step = max(near.group, CHUNK_VALUES // max(self.x.shape) // near.group * near.group)
        for start in range(0, n, step):
            part = slice(start, min(n, start + step))
            stored = self.pictures.stored(part).to(self.x.device).flatten(1)
            u = self.ranking.rows(stored)
            if bool(self.half_norms[start].isnan()):
                self.half_norms[part] = self.ranking.half_norms(u)
            half_norms = self.half_norms[part]
            largest = max(largest, math.sqrt(2 * float(half_norms.max())))
            scores = self.ranking.products(u).sub_(half_norms.to(like.dtype)[:, None])
            if self.apart is not None:
                own = self.apart[0][part, None] == self.apart[1]
                scores.masked_fill_(own, -math.inf)
            near.add(start, scores)
        query, position, _ = near.entries()
        return query, position

    def _distances(self, query: Tensor, position: Tensor) -> Tensor:
        """||x - y|| of pairs by differences, float64 (P,), in picture units.

        y is taken at the queries' precision, as `Pictures.floats` gives it.
        """
        parts, step = [], max(1, PAIRED // self.x.shape[1])
        for block, places in zip(query.split(step), position.split(step), strict=True):
            stored = self.pictures.stored(places.to(self.pictures.ids.device)).to(self.x.device)
            y, scale = stored.to(self.dtype, copy=True).flatten(1), self.pictures.scale
            y = y.div_(127.5).sub_(1) if scale is None else y.mul_(scale)
            parts.append((self.x[block].double().sub_(y.double())).norm(dim=1))
        return torch.cat(parts) if parts else self.half_norms.new_empty(0)
