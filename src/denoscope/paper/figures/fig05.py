"""Figure 5: linear model and Gaussian of a memorizing and of a generalizing network."""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import at_level, compared, curves_panel, mean_between
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


def _regimes(cells: Cells) -> dict[str, Subject]:
    return {"memorizing": cells.main.small(), "generalizing": cells.main.large()}


def _answering(cells: Cells) -> list[Subject]:
    """The two largest sets, the small one and the smallest: the paper's 70000, 35000, 1094 and 68."""
    ladder = {subject.data.n: subject for subject in cells.main.ladder()}
    counts = sorted({*list(ladder)[-2:], cells.main.family.small, min(ladder)}, reverse=True)
    return [ladder.get(n) or cells.main.subject(cells.main.network(n)) for n in counts]


def needs(cells: Cells) -> list[Task]:
    distilled = [distillation_of(cells, subject) for subject in _regimes(cells).values()]
    return [*distilled, *(outputs_of(cells, subject) for subject in _answering(cells))]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    tables = {
        name: store.table(distillation_of(cells, subject))
        for name, subject in _regimes(cells).items()
    }
    highest = max(
        float(compared(table, *pair)["mean"].max())  # type: ignore[arg-type]
        for table in tables.values()
        for pair in PAIRS
    )
    panels = tuple(
        curves_panel(
            [(style, compared(tables[name], *pair)) for pair, style in PAIRS.items()],
            caption=f"{name.capitalize()}, N = {subject.data.n:,}",
            y_title="RMSE between two denoisers",
            hold=(0.0,),
            show=(1.05 * highest,),
        )
        for name, subject in _regimes(cells).items()
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
    form, ratio = {}, {}
    for name, subject in _regimes(cells).items():
        table = store.table(distillation_of(cells, subject))
        form[name] = mean_between(compared(table, "linear", "gaussian"))
        ratio[name] = form[name] / mean_between(compared(table, "network", "gaussian"))
    times = form["memorizing"] / form["generalizing"]
    answers = {
        (name, kind): at_level(
            compared(store.table(outputs_of(cells, subject)), "network", "gaussian", inputs=kind),
            LEVEL,
        )
        for name, subject in _regimes(cells).items()
        for kind in ("held_out", "noise")
    }
    nearer = all(
        answers["generalizing", k] < answers["memorizing", k] for k in ("held_out", "noise")
    )
    told = ", ".join(f"{value:.3f} ({name}, {kind})" for (name, kind), value in answers.items())
    return Check.of(
        f"RMSE of linear and Gaussian over 0.1-20: {form['memorizing']:.3f} memorizing, "
        f"{form['generalizing']:.3f} generalizing ({times:.1f} times); over that of network and Gaussian "
        f"{ratio['memorizing']:.2f} and {ratio['generalizing']:.2f}; network to Gaussian at sigma 4: {told}",
        {
            f"the memorizing network's linear model is only {times:.1f} times as far from the Gaussian": (
                times >= 3
            ),
            f"linear and Gaussian are {ratio['generalizing']:.2f} as far apart as network and Gaussian when "
            "generalizing": ratio["generalizing"] <= 0.25,
            f"they are {ratio['memorizing']:.2f} as far apart when memorizing: what the Gaussian misses of the "
            "network is not linear either": ratio["memorizing"] >= 0.5,
            f"at sigma 4 the generalizing network's answers are no nearer to the Gaussian's: {told}": nearer,
        },
        {
            "times": times,
            **{f"linear_gaussian_{name}": value for name, value in form.items()},
            **{f"ratio_{name}": value for name, value in ratio.items()},
        },
    )


FIGURE = Figure(
    number=5,
    title="RMSE of linear model, Gaussian and network in the two regimes, and answers at sigma 4",
    claim="On inputs it never saw, a memorizing network's linear model is far from the Gaussian, a "
    "generalizing network's is close to it; its answers match the Gaussian's, even to noise alone.",
    acceptance="mean RMSE of linear and Gaussian over sigma in 0.1-20 at least 3 times as large when "
    "memorizing; over that of network and Gaussian <= 0.25 when generalizing, >= 0.5 when memorizing; at "
    "sigma 4 the generalizing network is the nearer to its Gaussian on both kinds of input",
    needs=needs,
    draw=draw,
    check=check,
)
