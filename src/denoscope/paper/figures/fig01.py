"""Figure 1: linearity against the noise level, for networks of few and of many pictures."""

from itertools import pairwise
from math import hypot

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Linearity
from denoscope.paper.reading import (
    INTERMEDIATE,
    between,
    curves_panel,
    rank_order,
    series_styles,
)
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]


def _ladder(cells: Cells) -> list[Linearity]:
    pairs = cells.preset.linearity_pairs
    return [Linearity(subject=subject, pairs=pairs) for subject in cells.main.ladder()]


def _rows(store: Store, task: Linearity, denoiser: str = "network") -> pl.DataFrame:
    return store.table(task).filter(
        metric="linearity_cosine", denoiser=denoiser, inputs="held_out", param=0.5
    )


def needs(cells: Cells) -> list[Task]:
    return list(_ladder(cells))


def draw(cells: Cells, store: Store) -> list[Drawing]:
    ladder = _ladder(cells)
    styles = series_styles([f"N = {task.subject.data.n:,}" for task in ladder])
    parts = [(style, _rows(store, task)) for style, task in zip(styles, ladder, strict=True)]
    parts.append((Style("Gaussian", "#222222", (4, 3)), _rows(store, ladder[-1], "gaussian")))
    panel = curves_panel(
        parts,
        caption="Noisy held-out pictures",
        y_title="linearity score (cosine)",
        hold=(1.0,),
    )
    return [
        Chart(
            "fig-01-linearity",
            "Linearity of networks trained on N pictures",
            "Cosine between the answer to a mix of two inputs and the mix of the answers (eq. 11), "
            "a = b. The line to compare with is the Gaussian denoiser's, not 1.",
            (panel,),
            figure="Fig. 1",
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    ladder = _ladder(cells)
    counts = [task.subject.data.n for task in ladder]
    rows = [between(_rows(store, t), *INTERMEDIATE).sort("mean") for t in ladder]
    lowest = [(float(r["mean"][0]), float(r["se"].fill_null(0.0)[0])) for r in rows]
    scores = [score for score, _ in lowest]
    end = min(float(_rows(store, t).sort("sigma")["mean"][0]) for t in ladder)
    rho = rank_order(counts, scores)
    told = ", ".join(f"{value:.3f} (N={n:,})" for n, value in zip(counts, scores, strict=True))
    return Check.of(
        f"lowest scores {told}; rank correlation with N {rho:+.2f}; at sigma -> 0 at least {end:.4f}",
        {
            f"the score does not rise throughout{_falls(counts, lowest)}": rho >= 0.9,
            f"a score of {end:.4f} at the lowest level": end > 0.99,
        },
        {"rank_correlation": rho, "lowest_score_at_low_noise": end},
    )


def _falls(counts: list[int], lowest: list[tuple[float, float]]) -> str:
    """The steps along N at which the score falls, each with twice its error."""
    wrong = [
        f"{n:,} to {m:,} by {b - a:+.4f} ± {2 * hypot(e, f):.4f}"
        for (n, (a, e)), (m, (b, f)) in pairwise(zip(counts, lowest, strict=True))
        if b < a
    ]
    return f": N = {', '.join(wrong)}" if wrong else ""


FIGURE = Figure(
    number=1,
    title="Linearity score against sigma for N training pictures",
    claim="The more pictures, the more linear the network at intermediate noise; all are linear as sigma -> 0.",
    acceptance="Spearman's rho of N and the lowest score for sigma in 0.1-20 >= 0.9; "
    "score > 0.99 at the lowest level",
    needs=needs,
    draw=draw,
    check=check,
)
