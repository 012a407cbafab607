"""Figure 4: gradient descent to the linear model, and the singular vectors it shares with the Gaussian."""

import numpy as np
import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import (
    along_panel,
    at_level,
    beside_gaussian,
    level_words,
    points_along,
    series_styles,
)
from denoscope.paper.shared import audit_of, descent_of, distillation_of, ten_levels
from denoscope.report.chart import Chart
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

ARRIVED = 0.2  # weight difference; Li et al. 2024, section 3.2
LEADING = 10
MATCHED = 0.7  # |cosine|: half of a vector's energy
LOWEST = 0.116  # sigma from which the paper finds the vectors matched


def needs(cells: Cells) -> list[Task]:
    large = cells.main.large()
    return [descent_of(cells, large), distillation_of(cells, large), audit_of(cells, large)]


def _descent(cells: Cells, store: Store) -> pl.DataFrame:
    """weight_difference by level and epoch (param), the epochs in order."""
    table = store.table(descent_of(cells, cells.main.large()))
    return table.filter(metric="weight_difference").sort("sigma", "param", descending=[True, False])


def _last(rows: pl.DataFrame) -> pl.DataFrame:
    """The last epoch of each level, high to low."""
    return rows.group_by("sigma", maintain_order=True).last()


def _matches(cells: Cells, store: Store) -> pl.DataFrame:
    """The mean |cosine| of the leading singular vectors, by level, high to low."""
    table = store.table(distillation_of(cells, cells.main.large()))
    rows = table.filter(pl.col("index") < LEADING, metric="vector_correlation")
    return rows.group_by("sigma").agg(pl.col("mean").mean()).sort("sigma", descending=True)


def _unordered(cells: Cells, store: Store, sigma: float) -> float:
    """The mean, over the leading singular vectors of a level, of the largest |cosine| with one of the
    Gaussian's: variances nearly equal leave the order of their directions open."""
    place = int(np.argmin(np.abs(np.log(np.array(ten_levels()) / sigma))))
    found = store.pictures(distillation_of(cells, cells.main.large()))[f"correlation/{place}"]
    return float(found[0, 0, :LEADING].max(1).mean() / 255)


def draw(cells: Cells, store: Store) -> list[Drawing]:
    descent = _descent(cells, store).filter(pl.col("param") > 0)
    levels = descent["sigma"].unique(maintain_order=True).to_list()
    styles = series_styles([f"σ = {words}" for words in level_words(levels)])
    panel = along_panel(
        [
            (style, points_along(descent.filter(sigma=level)))
            for style, level in zip(styles, levels, strict=True)
        ],
        caption="Adam from zero weights, which have the difference 1",
        x_title="epoch",
        y_title="||W − W_G||² / ||W_G||²",
        hold=(ARRIVED, 1.0),
        y_scale="log",
    )
    pictures = store.pictures(distillation_of(cells, cells.main.large()))
    maps = np.concatenate([pictures[f"correlation/{place}"] for place in range(len(ten_levels()))])
    return [
        Chart(
            "fig-04-descent",
            "Gradient descent from the network's answers to the Gaussian's matrix",
            "The paper's Algorithm 1: the linear model of a network is descended to with Adam, at the "
            "paper's rate for each level. The rules are the start, 1, and the paper's 0.2.",
            (panel,),
            figure="Fig. 4 (left)",
        ),
        PictureSheet(
            "fig-04-vectors",
            "Singular vectors of the distilled model against the Gaussian's",
            f"|U_L^T U_G| of the leading {maps.shape[-1]} vectors of the exact solution; white is 1. A white "
            "diagonal: the same vectors in the same order. Sigma over the columns.",
            (SheetRow("|U_L^T U_G|", maps),),
            level_words(ten_levels()),
            figure="Fig. 4 (right)",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    last, matches = _last(_descent(cells, store)), _matches(cells, store)
    missed = last.filter(pl.col("mean") >= ARRIVED)
    high = matches.filter(pl.col("sigma") >= LOWEST)
    low = matches.filter(pl.col("sigma") < LOWEST)
    large = cells.main.large()
    exact = store.table(distillation_of(cells, large)).filter(metric="weight_difference")
    audited = store.table(audit_of(cells, large))
    apart = ", ".join(
        f"{mean:.2f} at {s:.3g} (exact solution {at_level(exact, s):.2f})"
        for s, mean in missed.select("sigma", "mean").rows()
    )
    least = high.sort("mean", "sigma").row(0, named=True)
    most = low.sort("mean", "sigma").row(-1, named=True)
    arrived = last.height - missed.height
    return Check.of(
        f"after {last['param'].max():g} epochs the weight difference is below {ARRIVED} at {arrived} of "
        f"{last.height} levels"
        + (f" ({apart})" if apart else "")
        + f"; the leading {LEADING} vectors match "
        f"with {least['mean']:.2f} or more from sigma {LOWEST} on, with at most {most['mean']:.2f} below",
        {
            f"the difference is {apart}": arrived > last.height / 2,
            f"at sigma {least['sigma']:.3g} the vectors match with {least['mean']:.2f} only "
            f"({_unordered(cells, store, least['sigma']):.2f} whatever their order; "
            f"{beside_gaussian(audited, least['sigma'])})": least["mean"] > MATCHED,
            f"the vectors match at sigma {most['sigma']:.3g} too ({most['mean']:.2f})": (
                most["mean"] < MATCHED
            ),
        },
        {
            "levels_arrived": arrived / last.height,
            "lowest_match": float(least["mean"]),
            "match_below": float(most["mean"]),
        },
    )


FIGURE = Figure(
    number=4,
    title="Weight difference along distillation, and correlation of singular vectors",
    claim="The linear model distilled from a generalizing network is the Gaussian denoiser: its weights "
    "come close at most levels, and its leading singular vectors are the data's principal components, "
    "except at the lowest noise.",
    acceptance="weight difference after the last epoch < 0.2 at most levels; mean |cosine| of the leading 10 "
    "singular vectors with the Gaussian's > 0.7 at every level from 0.116 on, below it < 0.7",
    needs=needs,
    draw=draw,
    check=check,
)
