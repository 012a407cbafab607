"""Figure 10: linearity for several ways to mix two inputs, on three sets of pictures."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import ALPHA_SQUARED, Linearity
from denoscope.paper.reading import INTERMEDIATE, between, curves_panel, series_styles
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

EVEN, LEAST = 0.5, 0.96


def _tasks(cells: Cells) -> dict[str, Linearity]:
    """Name of the set -> the measurement."""
    subjects = {
        cells.main.family.data.where: cells.main.large(),
        f"{cells.second.family.data.where}, second family": cells.second.large(),
        "mnist-5k, the bundled model": Subject(bundled="mnist-4000"),
    }
    pairs = cells.preset.alpha_pairs
    return {
        words: Linearity(subject=subject, pairs=pairs, alpha_squared=ALPHA_SQUARED)
        for words, subject in subjects.items()
    }


def needs(cells: Cells) -> list[Task]:
    return list(_tasks(cells).values())


def _rows(table: pl.DataFrame, square: float, denoiser: str = "network") -> pl.DataFrame:
    return table.filter(
        metric="linearity_cosine", denoiser=denoiser, inputs="held_out", param=square
    )


def draw(cells: Cells, store: Store) -> list[Drawing]:
    styles = series_styles([f"a² = {square:.2f}" for square in ALPHA_SQUARED])
    gaussian = Style("Gaussian, a² = 0.50", "#222222", (4, 3))
    panels = []
    for words, task in _tasks(cells).items():
        table = store.table(task)
        parts = [(s, _rows(table, square)) for s, square in zip(styles, ALPHA_SQUARED, strict=True)]
        parts.append((gaussian, _rows(table, EVEN, "gaussian")))
        panels.append(
            curves_panel(parts, caption=words, y_title="linearity score (cosine)", hold=(1.0,))
        )
    return [
        Chart(
            "fig-10-mixes",
            "Linearity for mixes of two noisy held-out pictures, a² + b² = 1",
            "Cosine between the answer to a mix and the mix of the answers (eq. 11). A mix that is nearly one "
            "of the two inputs is answered nearly as that input; an even mix asks the most.",
            tuple(panels),
            figure="Fig. 10",
        )
    ]


def _lowest(table: pl.DataFrame, square: float, denoiser: str = "network") -> float:
    return float(between(_rows(table, square, denoiser), *INTERMEDIATE)["mean"].min())  # type: ignore[arg-type]


def check(cells: Cells, store: Store) -> Check:
    tables = {words: store.table(task) for words, task in _tasks(cells).items()}
    lowest = {
        words: [_lowest(table, square) for square in ALPHA_SQUARED]
        for words, table in tables.items()
    }
    ordered = {words: scores == sorted(scores, reverse=True) for words, scores in lowest.items()}
    even = {words: scores[-1] for words, scores in lowest.items()}
    forms = {words: _lowest(table, EVEN, "gaussian") for words, table in tables.items()}
    told = "; ".join(f"{w}: " + ", ".join(f"{s:.3f}" for s in lowest[w]) for w in lowest)
    low = [w for w in even if even[w] < LEAST]
    low_words = ", ".join(f"{even[w]:.3f} on {w} (its Gaussian {forms[w]:.3f})" for w in low)
    return Check.of(
        f"lowest scores for a² of {', '.join(f'{square:.2f}' for square in ALPHA_SQUARED)}: {told}",
        {
            f"not in order on {', '.join(w for w in ordered if not ordered[w])}": all(
                ordered.values()
            ),
            f"the score of the even mix falls to {low_words}": not low,
        },
        {f"even_{place}": value for place, value in enumerate(even.values())},
    )


FIGURE = Figure(
    number=10,
    title="Linearity score against sigma for five mixes, three data sets",
    claim="The linearity score is lowest for the even mix, and high even then, whatever the data.",
    acceptance="on each of three sets the lowest score over sigma in 0.1-20 falls from a² = 0.99 to 0.5, and "
    "stays >= 0.96",
    needs=needs,
    draw=draw,
    check=check,
)
