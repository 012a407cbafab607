"""Nearest training pictures of any picture, exactly.

    ||x - y_i||^2 = ||x||^2 - 2 <x, y_i> + ||y_i||^2

ranks a chunk of the training set with one float64 matrix product; the few best are then measured
again pixel by pixel, so a copy has distance 0 and not the square root of a rounding. The training
set is streamed: memory is the queries plus one chunk, whatever its size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.metrics.per_picture import rows

__all__ = ["Nearest", "nearest", "nearest_outside"]

CHUNK_VALUES = 1 << 22  # float64 values of a chunk: 32 MiB of pixels and as much of distances
SPARE = 8  # candidates beyond k measured exactly, so that ties and roundings cannot displace the k


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
    x = _checked(queries, pictures)
    if k < 1:
        raise InputError(f"{k} nearest pictures asked; give 1 or more")
    k = min(k, len(pictures))
    keep = min(k + SPARE, len(pictures))
    squared = torch.empty(len(x), 0, dtype=torch.float64, device=x.device)
    positions = torch.empty(len(x), 0, dtype=torch.int64, device=x.device)
    for start, chunk in _squared_distances(x, queries.dtype, pictures):
        best, where = chunk.topk(min(keep, chunk.shape[1]), dim=1, largest=False)
        squared = torch.cat([squared, best], dim=1)
        positions = torch.cat([positions, where + start], dim=1)
        squared, order = squared.topk(min(keep, squared.shape[1]), dim=1, largest=False)
        positions = positions.gather(1, order)

    positions = positions.sort(dim=1).values  # stable sorting below then settles ties by position
    distances = _exact(x, queries.dtype, pictures, positions)
    distances, order = distances.sort(dim=1, stable=True)
    positions = positions.gather(1, order)[:, :k]
    ids = pictures.ids.to(positions.device)[positions]
    return Nearest(ids, positions, distances[:, :k].contiguous())


def nearest_outside(
    queries: Tensor, pictures: Pictures, groups: Tensor, excluded: Tensor
) -> Nearest:
    """The nearest picture whose group is not the excluded one, for each query (k = 1).

    groups: int64 (N,), a label for each of `pictures`. excluded: int64 (B,), one for each query.
    Where every picture is excluded, id and position are -1 and the distance is infinite.
    """
    x = _checked(queries, pictures)
    groups, excluded = groups.to(x.device), excluded.to(x.device)
    best = torch.full((len(x),), float("inf"), dtype=torch.float64, device=x.device)
    positions = torch.full((len(x),), -1, dtype=torch.int64, device=x.device)
    for start, chunk in _squared_distances(x, queries.dtype, pictures):
        labels = groups[start : start + chunk.shape[1]]
        chunk.masked_fill_(labels[None, :] == excluded[:, None], float("inf"))
        low, where = chunk.min(dim=1)
        closer = low < best
        best = torch.where(closer, low, best)
        positions = torch.where(closer, where + start, positions)
    found = positions >= 0
    shown = positions.clamp(min=0)
    distances = _exact(x, queries.dtype, pictures, shown[:, None])[:, 0]
    ids = pictures.ids.to(x.device)[shown]
    return Nearest(
        torch.where(found, ids, -1)[:, None],
        positions[:, None],
        torch.where(found, distances, float("inf"))[:, None],
    )


def _checked(queries: Tensor, pictures: Pictures) -> Tensor:
    """The queries as float64 (B, d), after checking that they can be compared with the set."""
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
    (x,) = rows(queries)
    if not bool(torch.isfinite(x).all()):
        raise InputError("pictures hold NaN or infinity; give finite values")
    return x


def _values(stored: Tensor, dtype: torch.dtype, scale: float | None) -> Tensor:
    """Stored pixels as working values, computed in the queries' dtype, float64 (n, d)."""
    values = stored.to(dtype)
    values = values / 127.5 - 1 if scale is None else values * scale
    return values.flatten(1).to(torch.float64)


def _squared_distances(
    x: Tensor, dtype: torch.dtype, pictures: Pictures
) -> Iterator[tuple[int, Tensor]]:
    """(start, ||x - y||^2 of every query and the pictures from start on), chunk by chunk."""
    own = x.square().sum(dim=1, keepdim=True)
    step = max(1, CHUNK_VALUES // max(x.shape))
    for start in range(0, len(pictures), step):
        stored = pictures.stored(slice(start, start + step)).to(x.device)
        y = _values(stored, dtype, pictures.scale)
        yield start, torch.addmm(own + y.square().sum(dim=1), x, y.T, alpha=-2)


def _exact(x: Tensor, dtype: torch.dtype, pictures: Pictures, positions: Tensor) -> Tensor:
    """Distances of each query to its own pictures, by differences: float64 like positions."""
    columns = []
    for column in positions.unbind(dim=1):  # one at a time: memory stays that of the queries
        stored = pictures.stored(column.to(pictures.ids.device)).to(x.device)
        columns.append((x - _values(stored, dtype, pictures.scale)).norm(dim=1))
    return torch.stack(columns, dim=1)
