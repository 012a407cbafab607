"""Copies: generated pictures far closer to one training picture than to all others.

    copied:  d1 / d2 < 1/3,

d1 the distance to the nearest training picture, d2 to the nearest one outside that picture's group
of near-duplicates (the rule of Yoon et al. 2023 and Gu et al. 2023, who take the plain second
nearest). Without the groups a copy of a picture that occurs twice has d1 ~ d2 and is missed, and
duplicates are what gets memorized first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.metrics.nearest import Nearest, nearest, nearest_outside

__all__ = ["COPY_RATIO", "Memorization", "memorization"]

COPY_RATIO = 1 / 3
NEIGHBOURS = 8  # looked at before a second pass is needed for queries inside a larger group


@dataclass(frozen=True)
class Memorization:
    """One row a picture asked about.

    ratio: d1 / d2, float64 (B,) in [0, 1]; NaN where the training set holds one group only.
    copied: bool (B,), ratio < 1/3.
    outside_id: int64 (B,), the id at distance d2, -1 where there is none. outside_distance: d2.
    group_size: int64 (B,), training pictures in the nearest one's group, itself included.
    neighbours: the nearest training pictures (up to 8), whatever their group; d1 and the copied
        picture's id are its first column.
    """

    ratio: Tensor
    copied: Tensor
    outside_id: Tensor
    outside_distance: Tensor
    group_size: Tensor
    neighbours: Nearest


def memorization(queries: Tensor, pictures: Pictures, groups: Tensor | None = None) -> Memorization:
    """Which queries copy a training picture; see the module for the rule.

    queries: generated (B, C, H, W) in [-1, 1]. groups: int64 (N,), the near-duplicate group of each
    training picture (any labels); None: each picture is its own.

    The share copied means little by itself: real held-out pictures pass the test too, the more the
    larger and denser the training set. Run it on held-out pictures against the same training set
    and judge by the excess (`difference_of_fractions`).
    """
    n = len(pictures)
    groups = torch.arange(n) if groups is None else groups
    if tuple(groups.shape) != (n,) or groups.is_floating_point():
        raise InputError(
            f"groups are {groups.dtype} {tuple(groups.shape)}; give an integer label for each of "
            f"the {n} training pictures"
        )
    neighbours = nearest(queries, pictures, k=NEIGHBOURS)
    groups = groups.to(neighbours.positions.device)
    own = groups[neighbours.positions[:, 0]]

    outside = groups[neighbours.positions] != own[:, None]
    first = outside.to(torch.int64).argmax(
        dim=1, keepdim=True
    )  # the nearest that is outside, if any
    distance = neighbours.distances.gather(1, first)[:, 0]
    ids = neighbours.ids.gather(1, first)[:, 0]
    unseen = ~outside.any(dim=1)
    if bool(unseen.any()):
        rest = nearest_outside(queries[unseen.to(queries.device)], pictures, groups, own[unseen])
        distance[unseen], ids[unseen] = rest.distances[:, 0], rest.ids[:, 0]

    d1 = neighbours.distances[:, 0]
    ratio = torch.where(d1 == 0, 0.0, d1 / distance)
    ratio = torch.where(torch.isinf(distance), float("nan"), ratio)
    _, group, counts = groups.unique(return_inverse=True, return_counts=True)
    group_size = counts[group[neighbours.positions[:, 0]]]
    return Memorization(ratio, ratio < COPY_RATIO, ids, distance, group_size, neighbours)
