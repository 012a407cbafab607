"""Figure 28: the Jacobian of the network that generalizes, against the principal components."""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.figures.jacobian_sheet import (
    alignment,
    alignment_chart,
    chance,
    converged,
    jacobian_sheet,
)
from denoscope.paper.measuring import Jacobian
from denoscope.paper.reading import between, mean_between
from denoscope.paper.shared import jacobian_of
from denoscope.report.palette import denoiser_style
from denoscope.report.wording import sigma_text
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

HIGH, MIDDLE, LOW = (10.0, 80.1), (0.1, 9.99), (0.0019, 0.0999)  # Li et al. 2024, App. H
STEP = 0.1


def _jacobian(cells: Cells) -> Jacobian:
    return jacobian_of(cells, cells.main.large())


def needs(cells: Cells) -> list[Task]:
    return [_jacobian(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    task = _jacobian(cells)
    return [
        alignment_chart(
            store, [(denoiser_style("network"), task)], "fig-28-alignment", "Fig. 28 (b)"
        ),
        jacobian_sheet(
            store,
            task,
            "fig-28-jacobian",
            "The Jacobian of the network along a trajectory",
            "Fig. 28",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    task = _jacobian(cells)
    rows = alignment(store, task)
    high, middle, low = (mean_between(rows, *band) for band in (HIGH, MIDDLE, LOW))
    told = ", ".join(
        f"{mean:.2f} at {sigma_text(sigma)}"
        for sigma, mean in between(rows, *HIGH).select("sigma", "mean").iter_rows()
    )
    return Check.of(
        f"mean alignment {high:.2f} for sigma in 10-80, {middle:.2f} in 0.1-10, {low:.2f} below 0.1 (chance "
        f"{chance(task):.2f}); {converged(store, task)}",
        {
            f"at high noise it is {told}": high > 0.5,
            f"intermediate noise ({middle:.2f}) is not clearly below high": high > middle + STEP,
            f"low noise ({low:.2f}) is not clearly below intermediate": middle > low + STEP,
        },
        {"high": high, "middle": middle, "low": low, "chance": chance(task)},
    )


FIGURE = Figure(
    number=28,
    title="Singular vectors of the network's Jacobian along a trajectory, and the principal components",
    claim="At high noise the Jacobian's leading singular vectors are the principal components, at "
    "intermediate noise they adapt to the picture, at low noise nothing is left of them.",
    acceptance="mean share of the leading singular vectors inside as many leading principal components "
    "> 0.5 for sigma in 10-80, there above 0.1-10, and there above 0.002-0.1, by more than 0.1 each",
    needs=needs,
    draw=draw,
    check=check,
)
