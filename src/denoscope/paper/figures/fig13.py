"""Figure 13: distance to the training set and linearity, both forms, along N, on two sets."""

from dataclasses import dataclass
from itertools import pairwise
from math import hypot

from denoscope.paper.cells import Cells, FamilyCells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import INTERMEDIATE, along_panel, between, finished, rank_order
from denoscope.paper.shared import audit_of
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["FIGURE"]

Point = tuple[float, float, float]  # N, mean, standard error
TITLES = {
    "gl": ("Distance to the training set", "GL, over that of held-out pictures"),
    "linearity_cosine": ("Linearity (eq. 11)", "lowest score, σ in 0.1 … 20"),
    "linearity_norm_ratio": ("Departure from linearity (eq. 12)", "largest ratio, σ in 0.1 … 20"),
}


@dataclass(frozen=True)
class _Ladder:
    name: str
    where: str
    audits: list[AuditTask]


def _ladders(cells: Cells) -> list[_Ladder]:
    def of(name: str, family: FamilyCells) -> _Ladder:
        where = family.family.data.where
        return _Ladder(name, where, [audit_of(cells, subject) for subject in family.ladder()])

    return [of("main", cells.main), of("second", cells.second)]


def needs(cells: Cells) -> list[Task]:
    return [audit for ladder in _ladders(cells) for audit in ladder.audits]


def _points(ladder: _Ladder, store: Store, measure: str, denoiser: str) -> list[Point]:
    """A measure along N: the extreme over the intermediate levels, or GL over its control."""
    points = []
    for audit in ladder.audits:
        table, n = store.table(audit), float(audit.train.data.n)
        if measure == "gl":
            mean, se = finished(table, "gl_pixel", denoiser)
            control, _ = finished(table, "gl_pixel", "")
            points.append((n, mean / control, se / control))
            continue
        rows = table.filter(metric=measure, denoiser=denoiser, inputs="held_out")
        rows = between(rows, *INTERMEDIATE).sort("mean", descending=measure.endswith("ratio"))
        points.append((n, float(rows["mean"][0]), float(rows["se"].fill_null(0.0)[0])))
    return points


def draw(cells: Cells, store: Store) -> list[Drawing]:
    return [
        Chart(
            f"fig-13-{ladder.name}",
            f"Novelty of samples and linearity along N, {ladder.where}",
            "GL (eq. 14) is read beside real pictures the network never saw, measured against the same "
            "training set: 1 is as far as these are. Both forms of linearity are read beside the Gaussian's.",
            tuple(
                along_panel(
                    [
                        (denoiser_style(name), _points(ladder, store, measure, name))
                        for name in ("network", "gaussian")
                    ],
                    caption=caption,
                    x_title="training pictures N",
                    y_title=y_title,
                    hold=(1.0,) if measure == "gl" else (),
                )
                for measure, (caption, y_title) in TITLES.items()
            ),
            figure="Fig. 13",
        )
        for ladder in _ladders(cells)
    ]


def check(cells: Cells, store: Store) -> Check:
    told, tests, values = [], {}, {}
    for ladder in _ladders(cells):
        parts = []
        for measure in TITLES:
            points = _points(ladder, store, measure, "network")
            rho = rank_order([p[0] for p in points], [p[1] for p in points])
            falls = measure == "linearity_norm_ratio"
            shown = ", ".join(f"{value:.3f}" for _, value, _ in points)
            parts.append(f"{measure.replace('_', ' ')} {shown} (rho {rho:+.2f})")
            words = (
                f"{measure.replace('_', ' ')} of {ladder.where} does not "
                f"{'fall' if falls else 'rise'} throughout{_steps(points, falls)}"
            )
            tests[words] = (-rho if falls else rho) >= 0.9
            values[f"rho_{ladder.name}_{measure}"] = rho
        counts = ", ".join(f"{audit.train.data.n:,}" for audit in ladder.audits)
        told.append(f"{ladder.where}, N = {counts}: {'; '.join(parts)}")
    return Check.of(". ".join(told), tests, values)


def _steps(points: list[Point], falls: bool) -> str:
    """The steps along N that go the wrong way, each with twice its error."""
    sign = -1 if falls else 1
    wrong = [
        f"{n:,.0f} to {m:,.0f} by {b - a:+.4f} ± {2 * hypot(e, f):.4f}"
        for (n, a, e), (m, b, f) in pairwise(points)
        if sign * (b - a) < 0
    ]
    return f": {', '.join(wrong)}" if wrong else ""


FIGURE = Figure(
    number=13,
    title="GL score and linearity, both forms, along N, two data sets",
    claim="The distance of samples to the training set grows with N, and linearity grows alongside, in both "
    "forms and on both data sets.",
    acceptance="on both sets Spearman's rho with N >= 0.9 for GL over its held-out control and for the lowest "
    "linearity score over sigma in 0.1-20, <= -0.9 for the largest norm ratio there",
    needs=needs,
    draw=draw,
    check=check,
)
