"""Pairs within a distance: none is missed, whatever the pictures are like."""

import pytest
import torch

from denoscope.images import Pictures, close_pairs, open_images, squared_distances
from denoscope.images.close_pairs import candidate_pairs, pair_distances


def found_pairs(a, b, limit):
    pairs = set()
    for i, j in candidate_pairs(a, b, limit):
        near = pair_distances(a, i, b, j) <= limit
        pairs |= set(zip(i[near].tolist(), j[near].tolist(), strict=True))
    return pairs


def sets(kind):
    generator = torch.Generator().manual_seed(0)
    if kind == "digits":
        return open_images("digits").take(slice(0, 700)).pixels
    if kind == "noise":  # without leading directions
        return torch.randint(0, 256, (700, 1, 8, 8), dtype=torch.uint8, generator=generator)
    if kind == "alike":  # every pair is near
        return torch.randint(100, 103, (300, 3, 4, 4), dtype=torch.uint8, generator=generator)
    return torch.full((260, 1, 2, 2), 255, dtype=torch.uint8)  # "flat": no variance at all


@pytest.mark.parametrize("kind", ["digits", "noise", "alike", "flat"])
@pytest.mark.parametrize("cell", [2, 64, 256])
def test_every_pair_within_the_limit_is_found(kind, cell, monkeypatch):
    monkeypatch.setattr(close_pairs, "CELL", cell)
    pixels = sets(kind)
    own = Pictures.from_tensor(pixels)
    distances = squared_distances(pixels, pixels)
    for limit in (0, int(distances.double().quantile(0.002)), int(distances.median())):
        want = {tuple(pair) for pair in (distances <= limit).nonzero().tolist()}
        found = found_pairs(own, own, limit)
        assert found | {(j, i) for i, j in found} == want  # in one order or both
    one, two = Pictures.from_tensor(pixels[:50]), Pictures.from_tensor(pixels[50:])
    limit = int(distances.double().quantile(0.01))
    want = {tuple(pair) for pair in (distances[:50, 50:] <= limit).nonzero().tolist()}
    assert found_pairs(one, two, limit) == want


def test_distances_of_pairs_are_exact_one_by_one_and_by_a_product():
    pixels = sets("noise")
    pictures = Pictures.from_tensor(pixels)
    whole = squared_distances(pixels, pixels)
    i = torch.arange(700)
    assert torch.equal(pair_distances(pictures, i, pictures, i.flip(0)), whole[i, i.flip(0)])
    i, j = (part.flatten() for part in torch.meshgrid(i[:30], i[600:], indexing="ij"))
    assert torch.equal(pair_distances(pictures, i, pictures, j), whole[i, j])


def test_of_pictures_with_leading_directions_few_pairs_are_looked_at():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(4000, 3, generator=generator)
    points = torch.cat([points, torch.ones(4000, 1), points.square().sum(1, keepdim=True) / 2], 1)
    met = torch.zeros(4000, 4000, dtype=torch.bool)
    for cell, near in close_pairs._cells(points, points, 0.05):
        met[cell[:, None], near] = True
    within = torch.cdist(points[:, :3].double(), points[:, :3].double()) <= 0.05
    assert not (within & ~(met | met.T)).any()
    assert met.float().mean() < 0.1  # of a half
