import base64
import dataclasses
import io

import numpy as np
import polars as pl
from PIL import Image

from denoscope.report.gallery import gallery
from synthetic_audit import LEVELS, synthetic_audit


def pixels(tile) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(tile.uri.split(",", 1)[1]))))


def test_a_sample_stands_beside_its_own_nearest_picture():
    tables = synthetic_audit()
    shown = gallery(tables, pictures=True)
    assert shown.columns == ["Network", "Gaussian", "Multi-delta", "Nearest"]
    assert [row.number for row in shown.samples] == list(range(24))
    np.testing.assert_array_equal(
        pixels(shown.samples[7].tiles[3]), tables.pictures["sample/nearest"][7, 0]
    )
    assert shown.samples[7].tiles[3].alt == "Nearest training picture, noise 7"


def test_copies_come_closest_first_beside_what_they_copy():
    tables = synthetic_audit()
    shown = gallery(tables, pictures=True)
    copied = tables.samples.filter(denoiser="network", copied=True).sort("ratio")
    assert shown.copies_found == copied.height > 0
    assert [copy.number for copy in shown.copies] == copied["number"].to_list()
    first = copied.row(0, named=True)
    assert (shown.copies[0].nearest_id, shown.copies[0].nearest_name) == (
        first["nearest_id"],
        first["nearest_name"],
    )
    np.testing.assert_array_equal(
        pixels(shown.copies[0].tiles[1]), tables.pictures["sample/nearest"][first["number"], 0]
    )


def test_rows_of_other_denoisers_do_not_shift_the_pictures():
    tables = synthetic_audit()
    turned = dataclasses.replace(
        tables, samples=pl.concat([tables.samples.tail(40), tables.samples.head(-40)])
    )
    assert gallery(turned, pictures=True) == gallery(tables, pictures=True)


def test_without_pictures_no_tile_is_made_but_copies_are_named():
    shown = gallery(synthetic_audit(), pictures=False)
    assert not shown.has_pictures
    assert shown.samples + shown.trajectories + shown.denoised == []
    assert shown.copies_found == len(shown.copies) > 0
    assert all(copy.tiles == [] and copy.nearest_name for copy in shown.copies)


def test_trajectories_are_labelled_by_their_levels():
    shown = gallery(synthetic_audit(), pictures=True)
    strip = shown.trajectories[0]
    assert strip.sigmas == [f"{sigma:.3g}" for sigma in LEVELS]
    assert [name for name, _ in strip.rows] == ["Network", "Gaussian", "Multi-delta"]
    assert strip.rows[1][1][0].alt == "Gaussian denoiser at sigma 80"
    assert shown.denoised[0].rows[0][0] == "What was shown"


def test_a_small_budget_shows_less_never_more():
    full, small = (gallery(synthetic_audit(), True, budget=b) for b in (4_200_000, 20_000))
    spent = [tile.uri for row in small.samples for tile in row.tiles]
    spent += [tile.uri for copy in small.copies for tile in copy.tiles]
    spent += [
        tile.uri for s in (*small.trajectories, *small.denoised) for _, r in s.rows for tile in r
    ]
    assert 0 < sum(map(len, spent)) <= 20_000
    assert len(small.samples) < len(full.samples)
    assert len(small.copies) == len(full.copies)  # named all the same
