"""The 1/3 rule with groups, against a loop; and that groups find what the plain rule misses."""

import math

import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.metrics import memorization

SHAPE = (1, 6, 6)


def train_set(n=40):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *SHAPE), generator=generator, dtype=torch.uint8)


def near(train, index, scale):
    """Pictures at `scale` times unit noise from the training pictures at index."""
    noise = torch.randn(len(index), *SHAPE, generator=torch.Generator().manual_seed(2))
    return train.floats(index) + scale * noise


def slow(x, train, groups):
    """(ratio, group size, id outside) of each query by a loop."""
    x = x.double().numpy().reshape(len(x), -1)
    y = train.floats().double().numpy().reshape(len(train), -1)
    out = []
    for row in x:
        distance = np.sqrt(((row - y) ** 2).sum(1))
        first = distance.argmin()
        outside = [i for i in range(len(y)) if groups[i] != groups[first]]
        second = min(outside, key=lambda i: distance[i])
        size = sum(int(g == groups[first]) for g in groups)
        out.append((distance[first] / distance[second], size, int(train.ids[second])))
    return out


@pytest.mark.parametrize("group_count", [40, 12, 2])
def test_against_the_loop(group_count):
    """With two groups of twenty the nearest outside is often beyond the eight first neighbours."""
    train, _ = Pictures.from_tensor(train_set(60)).split(40, seed=0)
    groups = torch.arange(40) % group_count * 7 - 3  # any labels will do
    index = torch.arange(0, 40, 4)
    x = torch.cat([near(train, index, s) for s in (0.0, 0.1, 0.3, 1.0)])
    found = memorization(x, train, groups)
    expected = slow(x, train, groups.tolist())
    torch.testing.assert_close(
        found.ratio.tolist(), [r for r, _, _ in expected], rtol=1e-12, atol=0
    )
    assert found.copied.tolist() == [r < 1 / 3 for r, _, _ in expected]
    assert found.group_size.tolist() == [s for _, s, _ in expected]
    assert found.outside_id.tolist() == [i for _, _, i in expected]
    assert found.copied.any()
    assert not found.copied.all()


def test_without_groups_each_picture_is_its_own():
    train = Pictures.from_tensor(train_set())
    x = near(train, torch.arange(10), 0.2)
    plain, own = memorization(x, train), memorization(x, train, torch.arange(40))
    torch.testing.assert_close(plain.ratio, own.ratio, rtol=0, atol=0)
    distances = plain.neighbours.distances
    torch.testing.assert_close(plain.ratio, distances[:, 0] / distances[:, 1])
    assert plain.group_size.tolist() == [1] * 10


@pytest.mark.parametrize("copies", [2, 12])
def test_copies_of_a_duplicated_picture_are_found(copies):
    stored = train_set()
    stored[:copies] = stored[0]
    stored[1, 0, 0, 0] ^= 3
    train = Pictures.from_tensor(stored)
    groups = torch.arange(40).clamp(min=copies - 1)
    x = near(train, torch.zeros(5, dtype=torch.int64), 0.05)
    assert not memorization(x, train).copied.any()
    found = memorization(x, train, groups)
    assert found.copied.all()
    assert found.group_size.tolist() == [copies] * 5
    assert (found.outside_id >= copies).all()


def test_an_exact_copy_has_ratio_zero_and_new_pictures_do_not_pass():
    train, held_out = Pictures.from_tensor(train_set()).split(30)
    exact = memorization(train.floats(slice(0, 5)), train)
    assert exact.ratio.tolist() == [0] * 5
    assert exact.neighbours.ids[:, 0].tolist() == train.ids[:5].tolist()
    assert not memorization(held_out.floats(), train).copied.any()


@pytest.mark.parametrize("n", [1, 12])
def test_with_a_single_group_the_ratio_is_undefined(n):
    train = Pictures.from_tensor(train_set(n))
    found = memorization(train.floats(), train, torch.zeros(n, dtype=torch.int64))
    assert all(math.isnan(r) for r in found.ratio.tolist())
    assert not found.copied.any()
    assert found.outside_id.tolist() == [-1] * n


@pytest.mark.parametrize("groups", [torch.arange(39), torch.zeros(40), torch.zeros(40, 1).long()])
def test_bad_groups_are_refused(groups):
    train = Pictures.from_tensor(train_set())
    with pytest.raises(InputError, match="integer label"):
        memorization(train.floats(), train, groups)
