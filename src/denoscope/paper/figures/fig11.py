"""Figure 11: one architecture under EDM's preconditioning and loss, and under those of the VE diffusion."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Linearity
from denoscope.paper.reading import (
    curves_panel,
    level_words,
    mean_between,
)
from denoscope.paper.shared import errors_of, samples_of, ten_levels
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

TIMES = 2.0  # "much less linear": twice as far from 1
STYLES = {"edm": Style("EDM-VE", "#1f7fc4"), "baseline": Style("Baseline-VE", "#d9621e", (7, 3))}


def _networks(cells: Cells) -> dict[str, Subject]:
    return {"edm": cells.main.architectures()["ncsnpp"], "baseline": cells.main.baseline_ve()}


def _linearity(cells: Cells, name: str) -> Linearity:
    return Linearity(subject=_networks(cells)[name], pairs=cells.preset.alpha_pairs)


def needs(cells: Cells) -> list[Task]:
    networks = _networks(cells)
    return [
        *(_linearity(cells, name) for name in networks),
        *(errors_of(cells, subject) for subject in networks.values()),
        samples_of(cells, networks["edm"], linear=True),
        samples_of(cells, networks["baseline"]),
    ]


def _rows(cells: Cells, store: Store, name: str, denoiser: str = "network") -> pl.DataFrame:
    return store.table(_linearity(cells, name)).filter(
        metric="linearity_cosine", denoiser=denoiser, inputs="held_out", param=0.5
    )


def draw(cells: Cells, store: Store) -> list[Drawing]:
    networks = _networks(cells)
    parts = [(style, _rows(cells, store, name)) for name, style in STYLES.items()]
    parts.append((Style("Gaussian", "#222222", (4, 3)), _rows(cells, store, "edm", "gaussian")))
    panel = curves_panel(
        parts,
        caption=f"Noisy held-out pictures, N = {networks['edm'].data.n:,}",
        y_title="linearity score (cosine)",
        hold=(1.0,),
    )
    edm = store.pictures(samples_of(cells, networks["edm"], linear=True))
    baseline = store.pictures(samples_of(cells, networks["baseline"]))
    rows = [
        SheetRow("EDM-VE", edm["trajectory/network"][0]),
        SheetRow("Baseline-VE", baseline["trajectory/network"][0]),
        SheetRow("Gaussian", edm["trajectory/gaussian"][0]),
        SheetRow("Linear, distilled from EDM-VE", edm["trajectory/linear"][0]),
    ]
    return [
        Chart(
            "fig-11-linearity",
            "The same architecture, trained in two ways",
            "Linearity (eq. 11, a = b) of NCSN++ as Karras et al. train it and as Song et al. did, after "
            "equally many pictures.",
            (panel,),
            figure="Fig. 11 (left)",
        ),
        PictureSheet(
            "fig-11-trajectories",
            "The way of both networks and of the closed forms",
            "D(x_t; sigma_t) from the same noise, sigma over the columns.",
            tuple(rows),
            level_words(ten_levels()),
            figure="Fig. 11 (right)",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    lowest, error = {}, {}
    for name, subject in _networks(cells).items():
        rows = _rows(cells, store, name)
        lowest[name] = rows.sort("mean", "sigma").row(0, named=True)
        table = store.table(errors_of(cells, subject))
        error[name] = mean_between(table.filter(metric="rmse", denoiser="network"))
    edm, baseline = lowest["edm"], lowest["baseline"]
    apart = (1 - baseline["mean"]) / (1 - edm["mean"])
    errors = f"{error['baseline']:.3f} against {error['edm']:.3f}"
    return Check.of(
        f"lowest scores {edm['mean']:.3f} (EDM-VE, sigma {edm['sigma']:.3g}) and {baseline['mean']:.3f} "
        f"(Baseline-VE, sigma {baseline['sigma']:.3g}); RMSE to the clean picture over 0.1-20 "
        f"{errors} of EDM-VE",
        {
            f"the baseline is only {apart:.1f} times as far from 1, and as a denoiser {errors}": (
                apart >= TIMES
            )
        },
        {
            "lowest_edm": float(edm["mean"]),
            "lowest_baseline": float(baseline["mean"]),
            "rmse_edm": error["edm"],
            "rmse_baseline": error["baseline"],
        },
    )


FIGURE = Figure(
    number=11,
    title="Linearity and trajectories of EDM-VE and Baseline-VE",
    claim="The network that is trained worse, under the original VE preconditioning and loss, is much less "
    "linear than the same one under EDM's.",
    acceptance="the lowest linearity score of Baseline-VE over all levels is at least twice as far from 1 as "
    "that of EDM-VE",
    needs=needs,
    draw=draw,
    check=check,
)
