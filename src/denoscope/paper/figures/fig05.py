"""Figure 5: linear model and Gaussian of a memorizing and of a generalizing network."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import (
    INTERMEDIATE,
    at_level,
    between,
    compared,
    curves_panel,
    mean_between,
)
from denoscope.paper.shared import distillation_of, outputs_of
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.palette import Style, pair_style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

LEVEL = 4.0  # sigma of the answers shown; the second of `Outputs.levels`
PAIRS = {
    ("network", "gaussian"): pair_style("network", "gaussian"),
    ("network", "linear"): Style("Network to Linear (distilled)", "#a64ca6", (2, 3)),
    ("linear", "gaussian"): Style("Linear (distilled) to Gaussian", "#85888f", (4, 4)),
}


def _memorizing(cells: Cells) -> list[Subject]:
    """The smallest set's network and the small one's: the paper's 68 and 1094, as far as they differ."""
    both = {subject.data.n: subject for subject in (cells.main.ladder()[0], cells.main.small())}
    return list(both.values())


def _distilled(cells: Cells) -> list[Subject]:
    return [*_memorizing(cells), cells.main.large()]


def _answering(cells: Cells) -> list[Subject]:
    """The two largest sets, the small one and the smallest: the paper's 70000, 35000, 1094 and 68."""
    ladder = {subject.data.n: subject for subject in cells.main.ladder()}
    small = cells.main.family.small
    counts = sorted({*list(ladder)[-2:], small, min(ladder)}, reverse=True)
    return [cells.main.small() if n == small else ladder[n] for n in counts]


def needs(cells: Cells) -> list[Task]:
    distilled = [distillation_of(cells, subject) for subject in _distilled(cells)]
    return [*distilled, *(outputs_of(cells, subject) for subject in _answering(cells))]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    tables = [store.table(distillation_of(cells, subject)) for subject in _distilled(cells)]
    highest = max(
        float(compared(table, *pair)["mean"].max())  # type: ignore[arg-type]
        for table in tables
        for pair in PAIRS
    )
    large = cells.main.large()
    panels = tuple(
        curves_panel(
            [(style, compared(table, *pair)) for pair, style in PAIRS.items()],
            caption=f"{'Generalizing' if subject == large else 'Memorizing'}, N = {subject.data.n:,}",
            y_title="RMSE between two denoisers",
            hold=(0.0,),
            show=(1.05 * highest,),
        )
        for subject, table in zip(_distilled(cells), tables, strict=True)
    )
    return [
        Chart(
            "fig-05-two-regimes",
            "What the linear model of a network is, in the two regimes",
            "On noisy held-out pictures (eq. 10). On a network's own noisy training pictures the best linear "
            "fit is the Gaussian whether it memorizes or not: only what it never saw tells the two apart.",
            panels,
            figure="Fig. 5 (a)",
        ),
        _answers(cells, store),
    ]


def _answers(cells: Cells, store: Store) -> PictureSheet:
    subjects = _answering(cells)
    held = [store.pictures(outputs_of(cells, subject)) for subject in subjects]
    rows = []
    for kind, words in (("held_out", "noisy picture"), ("noise", "noise alone")):
        if kind == "held_out":
            rows.append(SheetRow("held-out picture", held[0]["clean"]))
        rows.append(SheetRow(f"Gaussian, {words}", held[0][f"{kind}/gaussian/1"]))
        rows += [
            SheetRow(f"N = {subject.data.n:,}, {words}", pictures[f"{kind}/network/1"])
            for subject, pictures in zip(subjects, held, strict=True)
        ]
    return PictureSheet(
        "fig-05-answers",
        f"Answers at sigma = {LEVEL:g} to held-out pictures under noise, and to noise alone",
        "The Gaussian is that of the largest set. Networks of many pictures answer like it, those of few with "
        "a training picture.",
        tuple(rows),
        figure="Fig. 5 (b)",
    )


def check(cells: Cells, store: Store) -> Check:
    tables = {s.data.n: store.table(distillation_of(cells, s)) for s in _distilled(cells)}
    form = {n: mean_between(compared(table, "linear", "gaussian")) for n, table in tables.items()}
    ratio = {
        n: form[n] / mean_between(compared(table, "network", "gaussian"))
        for n, table in tables.items()
    }
    *few, many = form
    times = {n: form[n] / form[many] for n in few}
    answers = {
        (n, kind): at_level(
            compared(store.table(outputs_of(cells, subject)), "network", "gaussian", inputs=kind),
            LEVEL,
        )
        for n, subject in zip(
            (few[-1], many), (cells.main.small(), cells.main.large()), strict=True
        )
        for kind in ("held_out", "noise")
    }
    nearer = all(answers[many, kind] < answers[few[-1], kind] for kind in ("held_out", "noise"))
    told = ", ".join(f"{value:.3f} (N={n:,}, {kind})" for (n, kind), value in answers.items())
    requirements = {}
    for n in few:
        requirements |= {
            f"the linear model of N={n} is only {times[n]:.1f} times as far from the Gaussian"
            f"{_by_level(tables[n], tables[many])}": times[n] >= 3,
            f"linear and Gaussian of N={n} are {ratio[n]:.2f} as far apart as network and Gaussian: what "
            "the Gaussian misses of the network is not linear either": ratio[n] >= 0.5,
        }
    return Check.of(
        "RMSE of linear and Gaussian over 0.1-20, and its share of that of network and Gaussian: "
        + ", ".join(f"{form[n]:.3f} and {ratio[n]:.2f} (N={n:,})" for n in form)
        + f"; network to Gaussian at sigma 4: {told}",
        {
            **requirements,
            f"linear and Gaussian are {ratio[many]:.2f} as far apart as network and Gaussian when "
            "generalizing": ratio[many] <= 0.25,
            f"at sigma 4 the generalizing network's answers are no nearer to the Gaussian's: {told}": nearer,
        },
        {
            **{f"linear_gaussian_n{n}": value for n, value in form.items()},
            **{f"ratio_n{n}": value for n, value in ratio.items()},
        },
    )


def _by_level(memorizing: pl.DataFrame, generalizing: pl.DataFrame) -> str:
    """How many times as far at each intermediate level, high to low: where the two regimes part."""
    rows = between(compared(memorizing, "linear", "gaussian"), *INTERMEDIATE)
    other = compared(generalizing, "linear", "gaussian")
    parts = [
        f"{mean / at_level(other, sigma):.1f} at {sigma:.3g}"
        for sigma, mean in rows.select("sigma", "mean").rows()[::-1]
    ]
    return f" ({', '.join(parts)})"


FIGURE = Figure(
    number=5,
    title="RMSE of linear model, Gaussian and network in the two regimes, and answers at sigma 4",
    claim="On inputs it never saw, a memorizing network's linear model is far from the Gaussian, a "
    "generalizing network's is close to it; its answers match the Gaussian's, even to noise alone.",
    acceptance="mean RMSE of linear and Gaussian over sigma in 0.1-20 at least 3 times as large for the "
    "smallest and the small set as for the largest; over that of network and Gaussian <= 0.25 for the "
    "largest, >= 0.5 for the others; at sigma 4 the generalizing network is the nearer to its "
    "Gaussian on both kinds of input",
    needs=needs,
    draw=draw,
    check=check,
)
