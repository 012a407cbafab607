"""The three claims about nearness to the Gaussian: along N, width, and the length of training."""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check
from denoscope.paper.figures.distance_sweep import DistanceSweep, Point
from denoscope.paper.reading import COPIES, NOVEL, rank_order
from denoscope.sweeps import Store

__all__ = ["LENGTH_RULE", "N_RULE", "WIDTH_RULE", "along_images", "along_length", "along_width"]

N_RULE = (
    "Spearman's rho of (N, mean RMSE to the Gaussian for sigma in 0.1-20, held-out inputs) <= -0.9; "
    "copies beyond the held-out control: at least 0.5 of samples at the smallest N, at most 0.1 at the "
    "largest"
)
WIDTH_RULE = (
    "Spearman's rho of (width, mean RMSE to the Gaussian for sigma in 0.1-20) >= 0.9; in the mean over "
    "20-80 the narrowest network is farther from the Gaussian than the widest; it copies less"
)
LENGTH_RULE = (
    "the mean RMSE to the Gaussian for sigma in 0.1-20 is lowest inside the training, neither before it "
    "nor at its end; copies beyond the held-out control are at most 0.1 of samples there and at least "
    "0.5 at the end"
)


def along_images(sweep: DistanceSweep, cells: Cells, store: Store) -> Check:
    """The more pictures, the nearer the Gaussian; from copies to novel samples (Figs 6, 19)."""
    points = sweep.points(cells, store)
    first, last = points[0], points[-1]
    rho = rank_order([p.at for p in points], [p.distance for p in points])
    return Check.of(
        f"RMSE to the Gaussian {_told(points, 'N={:,.0f}')}; rho {rho:+.2f}; copies "
        f"{first.copies:.2f} to {last.copies:.2f}; samples' cosine to the Gaussian's "
        f"{first.likeness:.2f} to {last.likeness:.2f}",
        {
            f"the distance does not fall with N{_open(points)}": rho <= -0.9,
            f"only {first.copies:.2f} of samples are copies at N={first.at:g}": (
                first.excess >= COPIES
            ),
            f"{last.copies:.2f} of samples are copies at N={last.at:,.0f}": last.excess <= NOVEL,
        },
        {"rank_correlation": rho, "copies_small": first.copies, "copies_large": last.copies},
    )


def along_width(sweep: DistanceSweep, cells: Cells, store: Store) -> Check:
    """The narrower, the nearer the Gaussian, but not at high noise (Figs 7, 20)."""
    points = sweep.points(cells, store)
    narrow, wide = points[0], points[-1]
    rho = rank_order([p.at for p in points], [p.distance for p in points])
    high = f"{narrow.high_distance:.3f} (narrowest), {wide.high_distance:.3f} (widest)"
    unready = (
        f"; the widest has not memorized yet ({wide.copies:.2f} of samples are copies)"
        if wide.excess < COPIES
        else ""
    )
    copies = f"{narrow.copies:.2f} (narrowest), {wide.copies:.2f} (widest)"
    return Check.of(
        f"RMSE to the Gaussian {_told(points, 'width {:g}')}; rho {rho:+.2f}; over 20-80 {high}; "
        f"copies {copies}",
        {
            f"the distance does not rise with width{_open(points)}; {_rising(points)}{unready}": (
                rho >= 0.9
            ),
            f"at sigma in 20-80 the narrowest is no farther: {high}": (
                narrow.high_distance > wide.high_distance
            ),
            f"the narrowest copies no less: {copies}": narrow.copies < wide.copies,
        },
        {
            "rank_correlation": rho,
            "high_narrow": narrow.high_distance,
            "high_wide": wide.high_distance,
            "copies_narrow": narrow.copies,
            "copies_wide": wide.copies,
        },
    )


def along_length(sweep: DistanceSweep, cells: Cells, store: Store) -> Check:
    """Training nears the Gaussian first and leaves it for the pictures (Figs 8, 21)."""
    points = sweep.points(cells, store)
    nearest, end = min(points, key=lambda p: p.distance), points[-1]
    return Check.of(
        f"RMSE to the Gaussian {_told(points, '{:g} thousand')}; nearest at {nearest.at:g} "
        f"({nearest.copies:.2f} of samples copies), at the end {end.copies:.2f}",
        {
            f"it is nearest at {nearest.at:g} thousand, an end of the training; {_nearest(points)}": (
                nearest not in (points[0], end)
            ),
            f"at {nearest.at:g} thousand {nearest.copies:.2f} of samples are copies already; "
            f"{_nearest(points)}": nearest.excess <= NOVEL,
            f"at the end only {end.copies:.2f} of samples are copies: it has hardly memorized": (
                end.excess >= COPIES
            ),
        },
        {
            "nearest_at": nearest.at,
            "nearest_distance": nearest.distance,
            "end_distance": end.distance,
            "copies_nearest": nearest.copies,
            "copies_end": end.copies,
        },
    )


def _told(points: Sequence[Point], words: str) -> str:
    return ", ".join(f"{p.distance:.3f} ({words.format(p.at)})" for p in points)


def _rising(points: Sequence[Point]) -> str:
    """At which levels the distance rises along the sweep, first to last, in words."""
    first, last = points[0].by_level, points[-1].by_level
    rising = [f"{sigma:.3g}" for sigma in first if first[sigma] < last[sigma]]
    return (
        f"the narrowest is the nearer at sigma {', '.join(rising) or 'none'} of "
        f"{', '.join(f'{sigma:.3g}' for sigma in first)}"
    )


def _nearest(points: Sequence[Point]) -> str:
    """When each level is nearest, with the copies at that time, in words."""
    best = {s: min(points, key=lambda p: p.by_level[s]) for s in points[0].by_level}
    parts = [f"{s:.3g}: {p.at:g} ({p.copies:.2f} copies)" for s, p in best.items()]
    return f"by level it is nearest at sigma {', '.join(parts)}"


def _open(points: Sequence[Point]) -> str:
    """Neighbours whose order their errors leave open, in words; empty where there are none."""
    pairs = [
        f"{one.at:g} and {two.at:g}"
        for one, two in pairwise(points)
        if abs(one.distance - two.distance) < 2 * hypot(one.distance_error, two.distance_error)
    ]
    return f"; within two errors of each other: {', '.join(pairs)}" if pairs else ""
