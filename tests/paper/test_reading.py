import numpy as np
import polars as pl
import pytest

from denoscope.paper.reading import at_level, cosines, mean_between, rank_order

ROWS = pl.DataFrame({"sigma": [80.0, 4.0, 0.5, 0.01], "mean": [1.0, 2.0, 4.0, 8.0]})


def test_numbers_of_a_curve():
    assert mean_between(ROWS) == 3.0
    assert np.isnan(mean_between(ROWS, 1000, 2000))
    assert at_level(ROWS, 5.0) == 2.0
    assert at_level(ROWS, 0.07) == 8.0  # by ratio, not by difference
    assert np.isnan(at_level(ROWS.clear(), 1.0))


def test_rank_order():
    assert rank_order([16, 64, 256], [0.1, 0.5, 0.6]) == pytest.approx(1)
    assert rank_order([16, 64, 256], [3, 2, 1]) == pytest.approx(-1)


def test_cosines_of_bytes():
    a = np.full((1, 1, 2, 2), 255, np.uint8)
    assert cosines(a, a)[0] == pytest.approx(1)
    assert cosines(a, 255 - a)[0] == pytest.approx(-1)
    bright = np.array([[[[250, 250], [250, 0]]]], np.uint8)
    other = np.array([[[[250, 250], [0, 250]]]], np.uint8)
    middle = np.array([[[250, 250], [125, 125]]], np.uint8)[0][None]
    assert cosines(bright, other, middle)[0] < -0.9 < cosines(bright, other)[0]
