"""Nearest training pictures of any picture, exactly.

    -||x - y_i||^2 / 2 + ||x||^2 / 2 = <x, y_i> - ||y_i||^2 / 2 =: a_i

ranks a chunk of the training set with one matrix product at the queries' precision. With rounding
unit e such a score is off by at most

    bound = (d + 8) e (||x|| + max||y||) max||y||

whatever the order of summation (Higham 2002, eq. 3.5, and Cauchy-Schwarz). A few candidates more
than asked for are measured again pixel by pixel in float64, so a copy has distance 0 and not the
square root of a rounding. They hold the nearest for certain where the lowest of their scores lies
more than 2 bound below the k-th; for other queries, as inside a large group of near-duplicates, a
second pass lists every picture that near.

The training set is streamed: memory is the queries plus one chunk, whatever its size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.images.integers import GREY
from denoscope.metrics.per_picture import rows

__all__ = ["Nearest", "nearest", "nearest_outside"]

CHUNK_VALUES = 1 << 22  # values of a chunk: 16 MiB of float32 pixels, and no more of scores
QUERIES = 2_048  # looked for together
SPARE = 8  # candidates beyond k
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
    found = [_Search(block, pictures, k).result() for block in queries.split(QUERIES)]
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
    found = [
        _Search(block, pictures, 1, (groups, own)).result()
        for block, own in zip(queries.split(QUERIES), excluded.split(QUERIES), strict=True)
    ]
    positions, distances = (torch.cat(parts) for parts in zip(*found, strict=True))
    positions = torch.where(distances.isinf(), -1, positions)
    ids = pictures.ids.to(positions.device)[positions.clamp(min=0)]
    return Nearest(torch.where(positions < 0, -1, ids), positions, distances)


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

    Scores are formed in stored units, where bytes are the integers v - 128. apart: labels of the
    pictures (N,) and of the queries (B,); pictures of a query's own label are not for it.
    """

    def __init__(
        self,
        queries: Tensor,
        pictures: Pictures,
        k: int,
        apart: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.queries, self.pictures, self.k = queries, pictures, k
        (self.x,) = rows(queries)
        self.apart = apart and (apart[0].to(self.x.device), apart[1].to(self.x.device))
        z = (self.x + 1) * 127.5 - GREY if pictures.scale is None else self.x / pictures.scale
        plain = torch.get_float32_matmul_precision() == "highest"
        single = plain and queries.dtype != torch.float64 and float(z.abs().max()) < 1e15
        self.kind = torch.float32 if single else torch.float64
        self.z, self.norms, self.largest = z.to(self.kind), z.norm(dim=1, keepdim=True), 0.0

    def result(self) -> tuple[Tensor, Tensor]:
        """(positions, distances), (B, k); the distance is infinite where no picture is left."""
        keep = min(self.k + SPARE, len(self.pictures))
        every = torch.arange(len(self.z), device=self.z.device)
        score, position = self.z[:, :0], every[:, None][:, :0]
        for start, chunk in self._scores(every):
            best, where = chunk.topk(min(keep, chunk.shape[1]), dim=1)
            score = torch.cat([score, best], dim=1)
            score, order = score.topk(min(keep, score.shape[1]), dim=1)
            position = torch.cat([position, where + start], dim=1).gather(1, order)
        position, order = position.sort(dim=1)  # stable sorting below settles ties by position
        distance = torch.stack([self._distances(every, p) for p in position.unbind(1)], dim=1)
        distance[score.gather(1, order).isinf()] = math.inf
        distance, order = distance.sort(dim=1, stable=True)
        position, distance = position.gather(1, order)[:, : self.k], distance[:, : self.k]

        floor = score[:, self.k - 1 : self.k].double() - 2 * self._bound()
        open_to_doubt = (score[:, -1:].double() >= floor) & (score[:, -1:] > -math.inf)
        again = (open_to_doubt[:, 0] & (keep < len(self.pictures))).nonzero()[:, 0]
        if len(again):
            position[again], distance[again] = self._listed(again, floor[again])
        return position, distance.contiguous()

    def _listed(self, query: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
        """The same for some queries, out of all pictures with scores of `floor` or more."""
        pairs = []
        for start, chunk in self._scores(query):
            row, column = (chunk >= floor.to(self.kind)).nonzero().unbind(1)
            pairs.append(torch.stack([row, column + start]))
        row, position = torch.cat(pairs, dim=1)
        distance = self._distances(query[row], position)
        order = position.argsort()
        for key in (distance, row):  # sorted by query, then distance, then position
            order = order[key[order].argsort(stable=True)]
        row, position, distance = row[order], position[order], distance[order]
        counts = row.bincount(minlength=len(query))
        first = (counts.cumsum(0) - counts)[:, None] + torch.arange(self.k, device=row.device)
        return position[first], distance[first]

    def _scores(self, query: Tensor) -> Iterator[tuple[int, Tensor]]:
        """(start, a of those queries and the pictures from start on), chunk by chunk.

        All in one buffer, each until the next is asked for.
        """
        z = self.z if len(query) == len(self.z) else self.z[query]
        step = min(len(self.pictures), max(1, CHUNK_VALUES // max(self.z.shape)))
        # New memory for each chunk would cost more than to fill it.
        pixels, product, scores = (
            z.new_empty(*shape) for shape in ((step, z.shape[1]), (step, len(z)), (len(z), step))
        )
        for start in range(0, len(self.pictures), step):
            stored = self.pictures.stored(slice(start, start + step)).to(z.device).flatten(1)
            u = pixels[: len(stored)].copy_(stored)
            if self.pictures.scale is None:
                u.sub_(GREY)
            norms = torch.linalg.vector_norm(u, dim=1)
            self.largest = max(self.largest, float(norms.max()))
            # In this order the product is the faster by up to half (MKL, measured).
            score = scores[:, : len(u)].copy_(torch.mm(u, z.T, out=product[: len(u)]).T)
            score.sub_(norms.square().div_(2))
            if self.apart is not None:
                labels, own = self.apart[0][start : start + step], self.apart[1][query]
                score.masked_fill_(labels == own[:, None], -math.inf)
            yield start, score

    def _bound(self) -> Tensor:
        """Of a score, (B, 1), with what rounding the pixels themselves to `kind` adds."""
        unit, d = torch.finfo(self.kind).eps / 2, self.z.shape[1]
        reach = self.norms + self.largest
        return (d + 8) * unit * self.largest * reach + 256 * unit * math.sqrt(d) * reach

    def _distances(self, query: Tensor, position: Tensor) -> Tensor:
        """||x - y|| of pairs by differences, float64 (P,), in picture units.

        y is taken at the queries' precision, as `Pictures.floats` gives it.
        """
        parts, step = [], max(1, PAIRED // self.z.shape[1])
        for block, places in zip(query.split(step), position.split(step), strict=True):
            stored = self.pictures.stored(places.to(self.pictures.ids.device)).to(self.x.device)
            y, scale = stored.to(self.queries.dtype), self.pictures.scale
            y = y / 127.5 - 1 if scale is None else y * scale
            parts.append((self.x[block] - y.flatten(1).double()).norm(dim=1))
        return torch.cat(parts)
