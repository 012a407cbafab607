"""The Jacobian along one trajectory, as pictures and as a curve: Figs 28 and 29."""

from collections.abc import Sequence
from math import prod

import numpy as np
import polars as pl

from denoscope.paper.measuring import Jacobian
from denoscope.paper.reading import curves_panel, level_words
from denoscope.report.chart import Chart
from denoscope.report.palette import MUTED, Style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store

__all__ = ["alignment", "alignment_chart", "chance", "converged", "jacobian_sheet"]

SHOWN = 10  # levels


def alignment(store: Store, task: Jacobian) -> pl.DataFrame:
    """By level, the share of the leading singular vectors inside the leading principal components."""
    return store.table(task).filter(metric="component_alignment").sort("sigma")


def chance(task: Jacobian) -> float:
    """The alignment of directions drawn at random: K / d."""
    return min(1.0, task.vectors / prod(task.subject.train.settings.network.shape))


def converged(store: Store, task: Jacobian) -> str:
    """At how many levels the singular vectors are accurate, in words."""
    rows = store.table(task).filter(metric="jacobian_converged")
    return f"converged at {int(rows['mean'].sum())} of {len(rows)} levels"


def alignment_chart(
    store: Store, parts: Sequence[tuple[Style, Jacobian]], name: str, figure: str
) -> Chart:
    """The alignment of each against sigma, with what chance would give."""
    lines = [(style, alignment(store, task)) for style, task in parts]
    _, first = lines[0]
    by_chance = first.with_columns(mean=pl.lit(chance(parts[0][1])), se=pl.lit(None, pl.Float64))
    lines.append((Style("by chance", MUTED, (2, 3)), by_chance))
    panel = curves_panel(
        lines,
        caption="Along one trajectory",
        y_title="share inside the leading components",
        hold=(0.0, 1.0),
    )
    return Chart(
        name,
        "Where the Jacobian's leading singular vectors lie",
        f"Share of the {parts[0][1].vectors} leading left singular vectors of dD/dx inside the span of "
        "as many leading principal components of the training set.",
        (panel,),
        figure=figure,
    )


def jacobian_sheet(
    store: Store, task: Jacobian, name: str, title: str, figure: str
) -> PictureSheet:
    """Along the levels: D(x; sigma), |U(x_t)^T U| and the first three singular vectors."""
    pictures, count = store.pictures(task), len(task.levels)
    places = np.unique(np.linspace(0, count - 1, min(count, SHOWN)).round().astype(int))
    vectors = np.stack([pictures[f"vectors/{place}"] for place in places])
    heat = np.concatenate([pictures[f"correlation/{place}"] for place in places])
    rows = [
        SheetRow("D(x; sigma)", pictures["trajectory"][0, places]),
        SheetRow("correlation of singular vectors (down) and principal components (across)", heat),
        *(SheetRow(f"singular vector {k + 1}", vectors[:, k]) for k in range(vectors.shape[1])),
        SheetRow("principal components 1, 2, 3", pictures["components"]),
    ]
    return PictureSheet(
        name,
        title,
        "From left to right the levels of one trajectory. In the second row white is |cosine| = 1: a white "
        "diagonal is the principal components themselves.",
        tuple(rows),
        columns=level_words([task.levels[place] for place in places]),
        figure=figure,
    )
