from fractions import Fraction

import numpy as np
import pytest

from denoscope.errors import InputError
from denoscope.images import open_images
from denoscope.images.resampling import area_resample


def oracle(picture: np.ndarray, size: int) -> np.ndarray:
    """Area means in exact fractions, rounded half up."""
    side = len(picture)
    out = np.zeros((size, size), dtype=np.uint8)
    step = Fraction(side, size)

    def share(i, j):
        return max(Fraction(0), min((i + 1) * step, Fraction(j + 1)) - max(i * step, Fraction(j)))

    for y in range(size):
        for x in range(size):
            total = sum(
                share(y, v) * share(x, u) * int(picture[v, u])
                for v in range(side)
                for u in range(side)
            )
            out[y, x] = int(total / step**2 + Fraction(1, 2))
    return out


@pytest.mark.parametrize(("side", "size"), [(8, 4), (7, 4), (12, 5), (5, 7), (6, 1), (9, 9)])
def test_every_ratio_is_exact(side, size):
    picture = np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)
    np.testing.assert_array_equal(area_resample(picture, size), oracle(picture, size))


def test_extremes_survive():
    white = np.full((2, 3, 28, 28), 255, dtype=np.uint8)
    assert (area_resample(white, 16) == 255).all()
    assert (area_resample(255 - white, 16) == 0).all()


def test_crop_is_centred():
    wide = np.zeros((4, 8), dtype=np.uint8)
    wide[:, 2:6] = 200
    assert (area_resample(wide, 2) == 200).all()


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InputError, match="whole number of pixels"):
        open_images("digits", size=size)
