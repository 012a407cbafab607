"""Figure 2: a generalizing network between its closed forms, and how each of them samples."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import (
    INTERMEDIATE,
    at_level,
    beside_gaussian,
    between,
    compared,
    curves_panel,
    level_words,
    mean_between,
)
from denoscope.paper.shared import audit_of, distillation_of, samples_of, ten_levels
from denoscope.report.chart import Chart
from denoscope.report.palette import Style, pair_style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

NEAR = 0.05  # Li et al. 2024, section 3.2
COLLAPSED = 3.0  # effective pictures behind the multi-delta's answer
ENDS = {"low": (0.001, 0.1), "high": (20.0, 100.0)}  # sigma; the paper's 0.002-0.1, 20-80
PAIRS = {
    ("network", "gaussian"): pair_style("network", "gaussian"),
    ("network", "linear"): Style("Network to Linear (distilled)", "#a64ca6", (2, 3)),
    ("network", "multi_delta"): pair_style("network", "multi_delta"),
    ("linear", "gaussian"): Style("Linear (distilled) to Gaussian", "#85888f", (4, 4)),
}
SHOWN = {
    "network": "Network",
    "gaussian": "Gaussian",
    "linear": "Linear (distilled)",
    "multi_delta": "Multi-delta",
}


def needs(cells: Cells) -> list[Task]:
    large = cells.main.large()
    return [
        distillation_of(cells, large),
        samples_of(cells, large, linear=True),
        audit_of(cells, large),
    ]


def _distances(cells: Cells, store: Store) -> dict[tuple[str, str], pl.DataFrame]:
    table = store.table(distillation_of(cells, cells.main.large()))
    return {pair: compared(table, *pair) for pair in PAIRS}


def draw(cells: Cells, store: Store) -> list[Drawing]:
    found = _distances(cells, store)
    pictures = store.pictures(samples_of(cells, cells.main.large(), linear=True))
    panel = curves_panel(
        [(style, found[pair]) for pair, style in PAIRS.items()],
        caption=f"Noisy held-out pictures, N = {cells.main.large().data.n:,}",
        y_title="RMSE between two denoisers",
        hold=(0.0, NEAR),
    )
    rows = [
        SheetRow(f"{words}, noise {j + 1}", pictures[f"trajectory/{name}"][j])
        for j in range(2)
        for name, words in SHOWN.items()
    ]
    return [
        Chart(
            "fig-02-distances",
            "A generalizing network and its closed forms",
            "RMSE between two answers to the same input (eq. 10); the upper rule is the paper's 0.05. "
            "At high noise the multi-delta is near the best that any denoiser can do, and so is a good "
            "network: nearness to it there is no sign of memorization.",
            (panel,),
            figure="Fig. 2 (left)",
        ),
        PictureSheet(
            "fig-02-trajectories",
            "What each denoiser sees on its way",
            "D(x_t; sigma_t) from high noise to low, from the same noise; sigma over the columns.",
            tuple(rows),
            level_words(ten_levels()),
            figure="Fig. 2 (right)",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    found = _distances(cells, store)
    audited = store.table(audit_of(cells, cells.main.large()))
    form, net = found["linear", "gaussian"], found["network", "gaussian"]
    delta = found["network", "multi_delta"]
    apart = float(form["mean"].max())  # type: ignore[arg-type]
    worst = {
        name: pl.concat(between(rows, *end) for rows in (net, found["network", "linear"]))
        .sort("mean", "sigma")
        .row(-1, named=True)
        for name, end in ENDS.items()
    }
    means = mean_between(net), mean_between(delta)
    effective = audited.filter(metric="effective_pictures", inputs="held_out")
    levels = between(net, *INTERMEDIATE)["sigma"].to_list()
    nearer = [s for s in levels if at_level(delta, s) < at_level(net, s)]
    collapsed = [s for s in levels if at_level(effective, s) < COLLAPSED]
    told = ", ".join(f"{s:.3g} ({at_level(effective, s):,.0f} pictures)" for s in nearer)
    return Check.of(
        f"linear to Gaussian at most {apart:.3f}; network to either at most "
        f"{worst['low']['mean']:.3f} at low noise, {worst['high']['mean']:.3f} at high; over 0.1-20 "
        f"the network is {means[0]:.3f} from the Gaussian, {means[1]:.3f} from the multi-delta"
        + (f"; the multi-delta is the nearer at sigma {told}" if nearer else ""),
        {
            f"the linear model is {apart:.3f} from the Gaussian": apart < NEAR,
            **{_end_words(audited, one): float(one["mean"]) < NEAR for one in worst.values()},
            f"at sigma {told} many pictures share the multi-delta's answer, which is close to the best "
            "there is": means[1] > means[0],
            "the multi-delta is the nearer where it has collapsed": not set(nearer)
            & set(collapsed),
        },
        {
            "linear_gaussian": apart,
            **{f"{name}_noise": float(one["mean"]) for name, one in worst.items()},
            "network_gaussian": means[0],
            "network_multi_delta": means[1],
        },
    )


def _end_words(audited: pl.DataFrame, worst: dict[str, float]) -> str:
    """Where the network leaves the Gaussian at an end, and which of the two is the better denoiser."""
    beside = beside_gaussian(audited, worst["sigma"])
    return f"at sigma {worst['sigma']:.3g} the network is {worst['mean']:.3f} away ({beside})"


FIGURE = Figure(
    number=2,
    title="RMSE between network, Gaussian, linear and multi-delta denoiser, and their trajectories",
    claim="A generalizing network is nearly its Gaussian, and its distilled linear model is: the two "
    "closed forms agree everywhere, the network with both at high and low noise, and in between the "
    "multi-delta is much farther from it.",
    acceptance="RMSE of linear and Gaussian < 0.05 at every level; of the network to either < 0.05 for "
    "sigma in 0.002-0.1 and 20-80; to the multi-delta, in the mean over 0.1-20 and at each level there "
    "where it rests on fewer than 3 pictures, larger than to the Gaussian",
    needs=needs,
    draw=draw,
    check=check,
)
