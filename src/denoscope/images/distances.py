"""Exact squared Euclidean distances between uint8 pictures, and the nearest ones.

    ||a - b||^2 = ||a||^2 + ||b||^2 - 2 a.b

in integers, so that equal pictures are at distance 0 and ties are ties. A distance of d2 is an RMS
pixel difference of sqrt(d2 / (C H W)) grey levels, and of 2/255 of that in units of [-1, 1].
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images.integers import centred, centred_products, check_uint8, uint8_rows
from denoscope.images.pictures import Pictures

__all__ = ["distance_blocks", "nearest_pictures", "squared_distances"]

ROWS, COLUMNS = 1_024, 512  # 2 MB of distances at a time
FAR = torch.iinfo(torch.int64).max


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Exact ||a_i - b_j||^2 on the uint8 scale: uint8 (n, ...), (m, ...) -> int64 (n, m)."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    check_uint8(a, "a")
    check_uint8(b, "b")
    left = centred(a)
    return _distances(left, _squared_norms(left), centred(b)).long()


def nearest_pictures(
    queries: Tensor | Pictures, pictures: Tensor | Pictures, k: int = 1
) -> tuple[Tensor, Tensor]:
    """The k nearest pictures of each query: (ids, squared distances), int64 (Q, k), nearest first.

    Exact integer distances; ties go to the lowest id. ids are those of `pictures` (row numbers for
    a tensor). Streams both sides: working memory stays under 256 MB. Raises InputError where
    k is not in 1..N, shapes differ or anything is not uint8.
    """
    if not 1 <= k <= len(pictures):
        raise InputError(
            f"{k} nearest pictures asked of {len(pictures)}; give 1 to {len(pictures)}"
        )
    if len(queries) == 0:
        raise InputError("no query given to find the nearest pictures of; give 1 or more")
    numbers = pictures.ids if isinstance(pictures, Pictures) else torch.arange(len(pictures))
    base = int(numbers.max()) + 1
    found: list[Tensor] = []
    for _, column, distances in distance_blocks(queries, pictures):
        if column == 0:
            found.append(distances.new_full((len(distances), k), FAR, dtype=torch.int64))
        best = found[-1]
        # Rows whose k nearest so far may change; soon these are few, and the others are done.
        row = (distances.amin(1) <= best.amax(1) // base).nonzero()[:, 0]
        # One integer orders by distance, then id: d2 * base + id.
        ids = numbers[column : column + distances.shape[1]].to(distances.device)
        key = distances[row].long().mul_(base).add_(ids)
        best[row] = torch.cat([best[row], key], dim=1).topk(k, largest=False).values
    key = torch.cat(found).sort(dim=1).values
    return key % base, key // base


def distance_blocks(
    a: Tensor | Pictures, b: Tensor | Pictures
) -> Iterator[tuple[int, int, Tensor]]:
    """Squared distances in blocks: (first row, first column, integers (n, m)), row blocks in order."""
    for row in range(0, len(a), ROWS):
        left = centred(uint8_rows(a, slice(row, row + ROWS)))
        left_norms = _squared_norms(left)
        for column in range(0, len(b), COLUMNS):
            right = centred(uint8_rows(b, slice(column, column + COLUMNS))).to(left.device)
            yield row, column, _distances(left, left_norms, right)


def _distances(a: Tensor, a_norms: Tensor, b: Tensor) -> Tensor:
    """Of centred int8 rows, (n, m): int32 where black against white fits it, int64 elsewhere."""
    kind = torch.int32 if 255**2 * a.shape[1] < 1 << 31 else torch.int64
    out = centred_products(a, b).to(kind).mul_(-2)
    return out.add_(a_norms.to(kind)[:, None]).add_(_squared_norms(b).to(kind)[None, :])


def _squared_norms(rows: Tensor) -> Tensor:
    """int8 (n, d) -> int64 (n,); the squares, up to 2^14, fit int16."""
    wide = rows.to(torch.int16)
    return (wide * wide).sum(dim=1, dtype=torch.int64)
