"""Figure 22: gradient descent to the linear model, epoch by epoch, for three architectures."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import GradientDescent
from denoscope.paper.reading import ARCHITECTURES, along_panel, points_along, series_styles
from denoscope.paper.shared import descent_of
from denoscope.report.chart import Chart
from denoscope.report.wording import sigma_text
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

ENDS = (0.01, 60.0)  # sigma 0.002 and 80 lie outside: the paper excepts them
NEAR = 0.2


def _descents(cells: Cells) -> dict[str, GradientDescent]:
    return {arch: descent_of(cells, one) for arch, one in cells.main.architectures().items()}


def _course(store: Store, task: GradientDescent) -> dict[float, pl.DataFrame]:
    """Level -> the weight difference along the epochs, high levels first."""
    rows = store.table(task).filter(metric="weight_difference").sort("sigma", "param")
    return {sigma: rows.filter(sigma=sigma) for sigma in sorted(set(rows["sigma"]), reverse=True)}


def needs(cells: Cells) -> list[Task]:
    return list(_descents(cells).values())


def draw(cells: Cells, store: Store) -> list[Drawing]:
    panels = []
    for arch, task in _descents(cells).items():
        course = _course(store, task)
        styles = series_styles([f"σ = {sigma_text(sigma)}" for sigma in course])
        parts = [
            (style, points_along(rows.filter(pl.col("param") > 0)))
            for style, rows in zip(styles, course.values(), strict=True)
        ]
        panels.append(
            along_panel(
                parts,
                caption=ARCHITECTURES[arch],
                x_title="epochs of gradient descent",
                y_title="||W − W_G||² / ||W_G||²",
                hold=(NEAR, 1.0),
                y_scale="log",
            )
        )
    return [
        Chart(
            "fig-22-weight-difference",
            "The linear model on its way to the Gaussian's weights",
            "Adam from zero weights (Algorithm 1), so every line starts at 1, the upper rule. Towards 0 "
            "the distilled weights are those of the training set's Gaussian denoiser.",
            tuple(panels),
            figure="Fig. 22",
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    told, tests, values = [], {}, {}
    for arch, task in _descents(cells).items():
        course = {s: rows["mean"].to_list() for s, rows in _course(store, task).items()}
        inner = {s: means for s, means in course.items() if ENDS[0] < s < ENDS[1]}
        far = {s: means for s, means in inner.items() if means[-1] >= NEAR}
        falling = sum(means[-1] < means[-max(2, len(means) // 5)] for means in far.values())
        name, largest = ARCHITECTURES[arch], max(means[-1] for means in inner.values())
        told.append(f"{name} {len(inner) - len(far)} of {len(inner)} (largest {largest:.2f})")
        where = ", ".join(f"{means[-1]:.2f} at {sigma_text(s)}" for s, means in far.items())
        tests[f"{name} ends at {where}; {falling} of {len(far)} still fall"] = not far
        values[f"largest_{arch}"] = largest
    return Check.of(f"levels below {NEAR:g} at the end: {'; '.join(told)}", tests, values)


FIGURE = Figure(
    number=22,
    title="Weights of the distilled linear model against the Gaussian's along gradient descent",
    claim="Whatever the architecture, the distilled linear model comes to the same Gaussian denoiser, but "
    "for the two ends of the noise levels.",
    acceptance="||W - W_G||² / ||W_G||² < 0.2 at the end of the descent at every level but 0.002 and 80, "
    "for every architecture",
    needs=needs,
    draw=draw,
    check=check,
)
