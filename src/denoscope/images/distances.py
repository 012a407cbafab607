"""Exact squared Euclidean distances between uint8 pictures, and the nearest ones.

    ||a - b||^2 = ||a||^2 + ||b||^2 - 2 a.b

in integers, so that equal pictures are at distance 0 and ties are ties. A distance of d2 is an RMS
pixel difference of sqrt(d2 / (C H W)) grey levels, and of 2/255 of that in units of [-1, 1].
"""

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images.integers import (
    GREY,
    centred,
    centred_products,
    check_uint8,
    squared_norms,
    uint8_rows,
)
from denoscope.images.pictures import Pictures
from denoscope.images.shortlist import Shortlist, ranked

__all__ = ["nearest_pictures", "squared_distances"]

ROWS, COLUMNS = 2_048, 2_048  # 16 MB of int32 scores at a time


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Exact ||a_i - b_j||^2 on the uint8 scale: uint8 (n, ...), (m, ...) -> int64 (n, m)."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    check_uint8(a, "a")
    check_uint8(b, "b")
    left = centred(a)
    return _distances(left, squared_norms(left), centred(b))


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
    found = [
        _nearest(centred(uint8_rows(queries, slice(row, row + ROWS))), pictures, k)
        for row in range(0, len(queries), ROWS)
    ]
    ids, distances = (torch.cat(parts) for parts in zip(*found, strict=True))
    return ids, distances


def _nearest(left: Tensor, pictures: Tensor | Pictures, k: int) -> tuple[Tensor, Tensor]:
    """The same for some centred queries, by 2 a.b - ||b||^2, which is the larger the nearer b is."""
    kind = torch.int32 if 3 * GREY**2 * left.shape[1] < 1 << 31 else torch.int64
    near = Shortlist(len(left), k, len(pictures), left.new_empty(0, dtype=kind))
    for start in range(0, len(pictures), COLUMNS):
        right = centred(uint8_rows(pictures, slice(start, start + COLUMNS))).to(left.device)
        scores = centred_products(right, left).to(kind).mul_(2)
        near.add(start, scores.sub_(squared_norms(right).to(kind)[:, None]))
    query, position, score = near.entries()
    if isinstance(pictures, Pictures):
        position = pictures.ids.to(position.device)[position]
    order = position.argsort()  # equal distances are settled by id
    order = order[ranked(query[order], score[order], descending=True)[0]]
    first = torch.arange(len(left), device=left.device)
    first = torch.searchsorted(query[order], first)[:, None] + torch.arange(k, device=left.device)
    best = order[first]
    return position[best], squared_norms(left)[:, None] - score[best]


def _distances(a: Tensor, a_norms: Tensor, b: Tensor) -> Tensor:
    """Of centred int8 rows, int64 (n, m)."""
    out = centred_products(a, b).to(torch.int64).mul_(-2)
    return out.add_(a_norms[:, None]).add_(squared_norms(b)[None, :])
