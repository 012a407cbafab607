import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import Pictures, distances, nearest_pictures, squared_distances


def random_pixels(n, seed=0, high=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, high, (n, 3, 4, 4), dtype=torch.uint8, generator=generator)


def oracle(a, b):
    a, b = a.flatten(1).numpy().astype(np.int64), b.flatten(1).numpy().astype(np.int64)
    return ((a[:, None] - b[None]) ** 2).sum(2)


@pytest.fixture(params=[2_048, 13])
def blocks(request, monkeypatch):
    monkeypatch.setattr(distances, "ROWS", request.param)
    monkeypatch.setattr(distances, "COLUMNS", request.param + 4)


def test_distances_are_exact_up_to_black_against_white():
    a, b = random_pixels(20), random_pixels(30, seed=1)
    a[0], b[0] = 0, 255
    got = squared_distances(a, b)
    np.testing.assert_array_equal(got.numpy(), oracle(a, b))
    assert got[0, 0] == 48 * 255**2


@pytest.mark.parametrize("k", [1, 3, 60])
def test_nearest_are_those_of_a_full_sort_ties_to_the_lowest_id(blocks, k):
    pixels, queries = random_pixels(80, high=2), random_pixels(25, seed=1, high=2)  # many ties
    pictures = Pictures.from_tensor(pixels).take(torch.randperm(80)[:60])
    ids, squared = nearest_pictures(queries, pictures, k)
    table = oracle(queries, pictures.pixels)
    for row in range(25):
        order = sorted(range(60), key=lambda j: (table[row, j], int(pictures.ids[j])))[:k]
        assert ids[row].tolist() == [int(pictures.ids[j]) for j in order]
        assert squared[row].tolist() == [table[row, j] for j in order]


def test_rows_of_a_tensor_are_its_ids(blocks):
    pixels = random_pixels(40)
    ids, squared = nearest_pictures(pixels, pixels)
    assert ids[:, 0].tolist() == list(range(40))
    assert not squared.any()


def test_wrong_use_is_refused():
    pixels = random_pixels(4)
    for k in (0, 5):
        with pytest.raises(InputError, match="give 1 to 4"):
            nearest_pictures(pixels, pixels, k)
    with pytest.raises(InputError, match="of one shape"):
        nearest_pictures(pixels[:, :1], pixels)
    with pytest.raises(InputError, match="no query"):
        nearest_pictures(pixels[:0], pixels)


def test_distances_that_int32_does_not_hold_are_exact():
    a = torch.zeros(2, 1, 182, 182, dtype=torch.uint8)
    b = torch.full((3, 1, 182, 182), 255, dtype=torch.uint8)
    assert squared_distances(a, b).unique().tolist() == [182**2 * 255**2]  # above 2^31
    assert nearest_pictures(a, b)[1].tolist() == [[182**2 * 255**2]] * 2
