import base64
import io

import numpy as np
import pytest
from PIL import Image

from denoscope.report.grids import SHOWN_SIDE, PictureBudget, png_uri


def opened(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_picture_is_kept_pixel_by_pixel(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (channels, 7, 5), dtype=np.uint8)
    uri, width, height = png_uri(pixels)
    assert (width, height) == (5, 7)
    expected = pixels[0] if channels == 1 else pixels.transpose(1, 2, 0)
    np.testing.assert_array_equal(opened(uri), expected)


def test_a_large_picture_is_reduced_by_area():
    pixels = np.zeros((3, 2 * SHOWN_SIDE, 2 * SHOWN_SIDE), dtype=np.uint8)
    pixels[:, ::2] = 200
    uri, width, height = png_uri(pixels)
    assert (width, height) == (SHOWN_SIDE, SHOWN_SIDE)
    assert set(np.unique(opened(uri))) == {100}


def test_a_row_is_shown_whole_or_not_at_all():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 16, 16), dtype=np.uint8)
    size = len(png_uri(pixels)[0])
    budget = PictureBudget(5 * size)
    assert len(budget.row([(pixels, "a"), (pixels, "b")]) or []) == 2
    assert len(budget.row([(pixels, "c"), (pixels, "d")]) or []) == 2
    assert budget.row([(pixels, "e"), (pixels, "f")]) is None
    assert budget.row([(pixels, "g")]) is None  # closed: no smaller row slips in out of order
