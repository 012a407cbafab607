"""The claims of the sweeps on points made by hand: each requirement decides, and the reason says which."""

from types import SimpleNamespace

import pytest

from denoscope.paper.figures.distance_claims import along_images, along_length, along_width
from denoscope.paper.figures.distance_sweep import Point


def sweep(*points: tuple[float, float, float], high: tuple[float, ...] = ()):
    """(at, distance, copies) of each network; high: distances over sigma in 20-80."""
    made = [
        Point(
            at, distance, 0.002, high[i] if high else 0.03, copies, 0.01, 0.0, 0.5, {1.5: distance}
        )
        for i, (at, distance, copies) in enumerate(points)
    ]
    return SimpleNamespace(points=lambda cells, store: made)


def decided(claim, made) -> tuple[bool | None, str]:
    check = claim(made, None, None)
    return check.holds, check.reason


def test_more_pictures_nearer_the_gaussian():
    assert decided(along_images, sweep((16, 0.2, 0.9), (64, 0.15, 0.5), (256, 0.1, 0))) == (
        True,
        "",
    )


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (((16, 0.15, 0.9), (64, 0.2, 0.5), (256, 0.1, 0)), "does not fall with N"),
        (
            ((16, 0.2, 0.3), (64, 0.15, 0.2), (256, 0.1, 0)),
            "only 0.30 of samples are copies at N=16",
        ),
        (((16, 0.2, 0.9), (64, 0.15, 0.5), (256, 0.1, 0.2)), "0.20 of samples are copies at N=256"),
    ],
)
def test_each_part_of_the_ladders_claim_decides(points, reason):
    holds, said = decided(along_images, sweep(*points))
    assert (holds, reason in said, ";" in said) == (False, True, False)


def test_neighbours_within_their_errors_are_named():
    said = decided(along_images, sweep((16, 0.150, 0.9), (64, 0.152, 0.5), (256, 0.1, 0)))[1]
    assert said.endswith("within two errors of each other: 16 and 64")


def test_narrow_is_nearer_but_not_at_high_noise():
    points = (4, 0.1, 0.0), (8, 0.15, 0.1), (24, 0.2, 0.6)
    assert decided(along_width, sweep(*points, high=(0.05, 0.03, 0.02))) == (True, "")
    holds, said = decided(along_width, sweep(*points, high=(0.02, 0.03, 0.05)))
    assert (holds, said) == (
        False,
        "at sigma in 20-80 the narrowest is no farther: 0.020 (narrowest), 0.050 (widest)",
    )


def test_a_wide_network_that_has_not_memorized_is_the_reason():
    points = (4, 0.2, 0.0), (24, 0.1, 0.1)
    said = decided(along_width, sweep(*points, high=(0.05, 0.03)))[1]
    assert "the widest has not memorized yet (0.10 of samples are copies)" in said


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (((0, 0.5, 0), (2, 0.1, 0.01), (8, 0.2, 0.7)), ""),
        (((0, 0.5, 0), (2, 0.2, 0.01), (8, 0.1, 0.7)), "nearest at 8 thousand, an end"),
        (((0, 0.5, 0), (2, 0.1, 0.3), (8, 0.2, 0.7)), "0.30 of samples are copies already"),
        (((0, 0.5, 0), (2, 0.1, 0.01), (8, 0.2, 0.2)), "it has hardly memorized"),
    ],
)
def test_training_nears_the_gaussian_and_leaves_it(points, reason):
    holds, said = decided(along_length, sweep(*points))
    assert holds is (reason == "")
    assert reason in said


def test_reasons_tell_the_levels_apart():
    points = [
        Point(at, 0.2, 0.002, 0.03, copies, 0.01, 0.0, 0.5, {0.47: low, 9.7: high})
        for at, copies, low, high in ((4, 0.0, 0.1, 0.3), (16, 0.1, 0.2, 0.2), (24, 0.6, 0.3, 0.1))
    ]
    made = SimpleNamespace(points=lambda cells, store: points)
    assert "the narrowest is the nearer at sigma 0.47 of 0.47, 9.7" in decided(along_width, made)[1]
    by_level = "by level it is nearest at sigma 0.47: 4 (0.00 copies), 9.7: 24 (0.60 copies)"
    assert by_level in decided(along_length, made)[1]
