"""Near-duplicates within a set, and held-out pictures that are in the training set.

Two pictures are near-duplicates where their RMS pixel difference is at most `rms` grey levels
(0..255). By default that is 0.15 of the set's own scale, the median distance of a picture to its
fourth nearest. Looked at by eye on six sets (digits, MNIST and Fashion-MNIST at 28 and 16
pixels, faces at 32 and 16), no fixed number, absolute or relative to contrast, serves them all:
crops of one photograph lie at 10 grey levels and more among faces, while two unrelated 1s lie at 7
among 16-pixel digits. 0.15 of the scale finds true pairs and next to no merely similar ones. The
fourth neighbour, not the first, so that a set with every picture doubled still has a scale.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images.close_pairs import candidate_pairs, pair_distances
from denoscope.images.distances import nearest_pictures
from denoscope.images.pictures import Pictures

__all__ = [
    "Contained",
    "DuplicateGroups",
    "contained",
    "duplicate_threshold",
    "near_duplicate_groups",
]

SHARE_OF_SCALE = 0.15
NEIGHBOUR = 4
SAMPLE = 1_024


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """The near-duplicate groups of a set.

    labels: int64 (N,), the lowest position in the picture's group; its own where it stands alone.
    ids: int64 (N,), the pictures' ids. rms: the threshold used, in grey levels.
    """

    labels: Tensor
    ids: Tensor
    rms: float

    @cached_property
    def sizes(self) -> Tensor:
        """Size of each picture's group, int64 (N,); 1 where it has no near-duplicate."""
        return torch.bincount(self.labels, minlength=len(self.labels))[self.labels]

    @cached_property
    def groups(self) -> list[list[int]]:
        """The ids of each group of two and more, largest group first."""
        members: dict[int, list[int]] = {}
        for position in (self.sizes > 1).nonzero().flatten().tolist():
            members.setdefault(int(self.labels[position]), []).append(int(self.ids[position]))
        return sorted(members.values(), key=lambda group: (-len(group), group[0]))


@dataclass(frozen=True, eq=False)
class Contained:
    """Held-out pictures that are in the training set.

    held_out, train: int64 (n,), ids of the held-out picture and of its nearest training picture.
    distances: int64 (n,), exact squared distances on the uint8 scale. exact: bool (n,), where 0.
    rms: the threshold used, in grey levels.
    """

    held_out: Tensor
    train: Tensor
    distances: Tensor
    rms: float

    @property
    def exact(self) -> Tensor:
        return self.distances == 0

    def __len__(self) -> int:
        return len(self.held_out)


def duplicate_threshold(pictures: Pictures) -> float:
    """The default threshold in grey levels: 0.15 of the median RMS distance to the fourth nearest.

    Estimated on at most 1,024 pictures, evenly spaced in the set, against all of it. 0 (exact
    duplicates only) where the set has fewer than 5 pictures, too few to have a scale.
    """
    if len(pictures) <= NEIGHBOUR:
        return 0.0
    some = torch.linspace(0, len(pictures) - 1, min(SAMPLE, len(pictures))).round().long()
    _, squared = nearest_pictures(pictures.take(some), pictures, NEIGHBOUR + 1)  # itself, and four
    values = squared[:, -1].double() / _pixels(pictures)
    return SHARE_OF_SCALE * float(values.median().sqrt())


def near_duplicate_groups(pictures: Pictures, rms: float | None = None) -> DuplicateGroups:
    """Connected groups of pictures with an RMS pixel difference of at most `rms` grey levels.

    rms: in grey levels (0..255), 0 for exact duplicates alone; `duplicate_threshold` where None.
    Exact: no pair is missed (`close_pairs`), and memory stays bounded. Raises InputError for latents
    and for a negative rms.
    """
    rms = _threshold(rms, pictures)
    limit = int(rms * rms * _pixels(pictures))
    parent = np.arange(len(pictures))
    labels = torch.from_numpy(parent)  # the same memory
    for one, two in candidate_pairs(pictures, pictures, limit):
        apart = labels[one] != labels[two]
        one, two = one[apart], two[apart]
        close = pair_distances(pictures, one, pictures, two) <= limit
        _join(parent, one[close].numpy(), two[close].numpy())
    return DuplicateGroups(labels, pictures.ids, rms)


def contained(
    held_out: Pictures,
    train: Pictures,
    rms: float | None = None,
    groups: DuplicateGroups | None = None,
) -> Contained:
    """Held-out pictures within `rms` grey levels of a training picture, exact copies included.

    rms: as for `near_duplicate_groups`; where None the smaller of the two sets' defaults, since a
    sparse training set has a wide scale. groups: those of `train` where they are known, whose
    threshold then is its default.
    """
    if held_out.shape != train.shape:
        raise InputError(
            f"held-out pictures are {held_out.shape}, training pictures {train.shape}; "
            "open both at one size"
        )
    if rms is None:
        known = [duplicate_threshold(held_out)] if len(held_out) > NEIGHBOUR else []
        if len(train) > NEIGHBOUR:
            known.append(duplicate_threshold(train) if groups is None else groups.rms)
        rms = min(known, default=0.0)
    rms = _threshold(rms, train)
    if len(held_out) == 0:
        nothing = torch.zeros(0, dtype=torch.int64)
        return Contained(nothing, nothing, nothing, rms)
    limit, base = int(rms * rms * _pixels(train)), int(train.ids.max()) + 1
    # One integer orders by distance, then id: the nearest picture, and of equally near the first.
    best = torch.full((len(held_out),), torch.iinfo(torch.int64).max)
    for one, two in candidate_pairs(held_out, train, limit):
        key = pair_distances(held_out, one, train, two).mul_(base).add_(train.ids[two])
        best.scatter_reduce_(0, one, key, "amin")
    found = best // base <= limit
    return Contained(held_out.ids[found], best[found] % base, best[found] // base, rms)


def _threshold(rms: float | None, pictures: Pictures) -> float:
    rms = duplicate_threshold(pictures) if rms is None else float(rms)
    if not 0 <= rms <= 255:
        raise InputError(
            f"duplicate threshold {rms:g}; give an RMS difference of 0 to 255 grey levels"
        )
    return rms


def _pixels(pictures: Pictures) -> int:
    channels, height, width = pictures.shape
    return channels * height * width


def _join(parent: np.ndarray, one: np.ndarray, two: np.ndarray) -> None:
    """Union the pairs in place; every entry of `parent` is the lowest member of its group again."""
    while True:
        a, b = parent[one], parent[two]
        apart = a != b
        if not apart.any():
            return
        one, two, a, b = one[apart], two[apart], a[apart], b[apart]
        np.minimum.at(parent, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(shorter := parent[parent], parent):
            parent[:] = shorter
