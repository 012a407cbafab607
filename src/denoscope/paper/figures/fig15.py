"""Figure 15: how far a network is from doing nothing, along the noise levels."""

from typing import Any

import numpy as np
import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Errors, Identity
from denoscope.paper.reading import (
    ARCHITECTURES,
    beside_gaussian,
    between,
    curves_panel,
    series_styles,
)
from denoscope.paper.shared import errors_of
from denoscope.report.chart import Chart
from denoscope.report.curves import Panel
from denoscope.report.palette import Style
from denoscope.report.wording import sigma_text
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

LOW = 0.02
DIFFERENCE, COSINE = "identity_difference", "identity_cosine"


def _identities(cells: Cells) -> dict[str, Identity]:
    return {arch: Identity(subject=one) for arch, one in cells.main.architectures().items()}


def _errors(cells: Cells) -> dict[str, Errors]:
    """How well each architecture denoises at all, where they differ."""
    return {arch: errors_of(cells, one) for arch, one in cells.main.architectures().items()}


def _rows(store: Store, task: Identity, metric: str, denoiser: str = "network") -> pl.DataFrame:
    return store.table(task).filter(metric=metric, denoiser=denoiser).sort("sigma")


def needs(cells: Cells) -> list[Task]:
    return [*_identities(cells).values(), *_errors(cells).values()]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    tasks = _identities(cells)
    styles = series_styles([ARCHITECTURES[arch] for arch in tasks])
    first = next(iter(tasks.values()))

    def panel(metric: str, caption: str, y_title: str, **axes: Any) -> Panel:
        parts = [
            (style, _rows(store, task, metric))
            for style, task in zip(styles, tasks.values(), strict=True)
        ]
        parts.append(
            (Style("Gaussian", "#222222", (4, 3)), _rows(store, first, metric, "gaussian"))
        )
        return curves_panel(parts, caption=caption, y_title=y_title, **axes)

    whole = (
        panel(DIFFERENCE, "How far from the input", "||D(x) - x||² / ||x||²"),
        panel(COSINE, "How much in its direction", "cosine of D(x) and x"),
    )
    zoom = {"x_domain": (0.0016, 1.0)}
    near = (
        panel(DIFFERENCE, "How far, low noise", "||D(x) - x||² / ||x||²", **zoom),
        panel(COSINE, "Direction, low noise", "cosine of D(x) and x", **zoom),
    )
    reading = (
        "Noisy held-out pictures x. As sigma goes to 0 the network gives back what it is shown; "
        "at high noise nothing of the input is left."
    )
    title = "Networks against doing nothing"
    return [
        Chart("fig-15-identity", title, reading, whole, figure="Fig. 15"),
        Chart("fig-15-identity-low-noise", title, reading, near, figure="Fig. 15"),
    ]


def _apart(cells: Cells, store: Store) -> tuple[float, float, str]:
    """How far architectures lie apart at most, in either measure: (how far, sigma, the odd one)."""
    tasks = _identities(cells)
    curves = np.array(
        [
            [_rows(store, task, metric)["mean"].to_list() for task in tasks.values()]
            for metric in (DIFFERENCE, COSINE)
        ]
    )  # (measures, architectures, levels)
    spread = np.ptp(curves, axis=1)
    measure, place = np.unravel_index(spread.argmax(), spread.shape)
    there = curves[measure, :, place]
    odd = int(np.abs(there - np.median(there)).argmax())
    levels = _rows(store, next(iter(tasks.values())), DIFFERENCE)["sigma"]
    return float(spread.max()), float(levels[int(place)]), list(tasks)[odd]


def check(cells: Cells, store: Store) -> Check:
    lowest = max(
        float(between(_rows(store, task, DIFFERENCE), 0, LOW)["mean"].max())  # type: ignore[arg-type]
        for task in _identities(cells).values()
    )
    apart, level, odd = _apart(cells, store)
    where = f"at sigma {sigma_text(level)} architectures are {apart:.3f} apart"
    how = beside_gaussian(store.table(_errors(cells)[odd]), level)
    return Check.of(
        f"difference from the input below sigma {LOW:g} at most {lowest:.1e}; architectures at most "
        f"{apart:.3f} apart at any level",
        {
            f"below sigma {LOW:g} a network still changes its input by {lowest:.1e}": lowest < 1e-3,
            f"{where}, {ARCHITECTURES[odd]} the odd one: {how}": apart < 0.05,
        },
        {"largest_difference_at_low_noise": lowest, "architectures_apart": apart},
    )


FIGURE = Figure(
    number=15,
    title="Distance of the network from the identity against sigma, for three architectures",
    claim="As sigma goes to 0 the network quickly becomes the identity, alike for every architecture.",
    acceptance="||D(x) - x||² / ||x||² < 1e-3 at every level below 0.02 for every architecture; both "
    "measures of any two architectures within 0.05 of each other at every level",
    needs=needs,
    draw=draw,
    check=check,
)
