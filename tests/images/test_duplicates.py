import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import (
    Pictures,
    close_pairs,
    contained,
    duplicate_threshold,
    near_duplicate_groups,
    open_images,
    squared_distances,
)


def oracle(pixels, limit):
    """Connected components by flooding, one list of positions a component."""
    close = squared_distances(pixels, pixels).numpy() <= limit
    left, groups = set(range(len(pixels))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {int(j) for i in edge for j in np.flatnonzero(close[i])} - group
        groups.append(sorted(group))
        left -= group
    return groups


@pytest.mark.parametrize("block", [7, 64, 2_048])
def test_groups_are_the_connected_components(block, monkeypatch):
    monkeypatch.setattr(close_pairs, "CELL", block)
    monkeypatch.setattr(close_pairs, "COLUMNS", block + 3)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 40, (150, 1, 1, 3), dtype=torch.uint8, generator=generator)
    groups = near_duplicate_groups(Pictures.from_tensor(pixels), rms=2.5)
    want = oracle(pixels, int(2.5**2 * 3))
    assert groups.groups == sorted((g for g in want if len(g) > 1), key=lambda g: (-len(g), g[0]))
    assert 2 < len(groups.groups) < 60  # neither trivial
    for group in want:
        assert set(groups.labels[group].tolist()) == {group[0]}
        assert set(groups.sizes[group].tolist()) == {len(group)}


def test_all_alike_is_one_group():
    same = Pictures.from_tensor(torch.full((3_000, 1, 2, 2), 7, dtype=torch.uint8))
    assert near_duplicate_groups(same).sizes.tolist() == [3_000] * 3_000


def test_ids_of_a_subset_are_kept():
    pixels = torch.zeros(6, 1, 2, 2, dtype=torch.uint8)
    pixels[:, 0, 0, 0] = torch.tensor([0, 100, 200, 200, 50, 0])
    part = Pictures.from_tensor(pixels).take([5, 3, 2, 0, 1])
    groups = near_duplicate_groups(part, rms=0.0)
    assert groups.groups == [[3, 2], [5, 0]]
    assert groups.labels.tolist() == [0, 1, 1, 0, 4]


def test_planted_duplicates_are_found_and_merely_similar_digits_are_not():
    pictures = open_images("mnist-5k").take(slice(0, 2_000))
    assert near_duplicate_groups(pictures).groups == []
    generator = torch.Generator().manual_seed(0)
    jitter = torch.randint(-3, 4, (50, 1, 28, 28), generator=generator)
    copies = (pictures.pixels[:50].int() + jitter).clamp(0, 255).to(torch.uint8)
    doubled = Pictures.from_tensor(torch.cat([pictures.pixels, copies]))
    found = near_duplicate_groups(doubled)
    assert found.groups == [[i, 2_000 + i] for i in range(50)]


def test_a_set_of_pairs_still_has_a_scale():
    pictures = open_images("digits").take(slice(0, 300))
    paired = Pictures.from_tensor(torch.cat([pictures.pixels, pictures.pixels ^ 1]))
    assert len(near_duplicate_groups(paired).groups) == 300


def test_held_out_pictures_in_the_training_set_are_named():
    train, held_out = open_images("digits").split(1_000, seed=0)
    assert len(contained(held_out, train)) == 0
    assert len(contained(held_out.take([]), train)) == 0
    leaked = held_out.pixels.clone()
    leaked[3] = train.pixels[17]
    leaked[5] = train.pixels[20] ^ 1
    found = contained(Pictures.from_tensor(leaked), train)
    assert found.held_out.tolist() == [3, 5]
    assert found.train.tolist() == train.ids[[17, 20]].tolist()
    assert found.exact.tolist() == [True, False]
    assert found.distances.tolist() == [0, 64]


def test_small_sets_and_wrong_settings():
    few = Pictures.from_tensor(torch.zeros(4, 1, 2, 2, dtype=torch.uint8))
    assert duplicate_threshold(few) == 0
    assert near_duplicate_groups(few).groups == [[0, 1, 2, 3]]
    for rms in (-1.0, float("nan"), 256.0):
        with pytest.raises(InputError, match="0 to 255"):
            near_duplicate_groups(few, rms=rms)
    with pytest.raises(InputError, match="open both at one size"):
        contained(few, Pictures.from_tensor(torch.zeros(4, 1, 3, 3, dtype=torch.uint8)))


def test_more_held_out_than_training_pictures_are_compared():
    pixels = torch.arange(20, dtype=torch.uint8).reshape(20, 1, 1, 1).expand(20, 1, 2, 2) * 12
    train = Pictures.from_tensor(pixels[:2].contiguous())
    found = contained(Pictures.from_tensor(pixels.contiguous()), train, rms=0.0)
    assert found.held_out.tolist() == found.train.tolist() == [0, 1]
