"""At low noise the distance to the Gaussian is a matter of rank, not of the network.

N pictures span r <= N - 1 directions. As sigma -> 0 the Gaussian denoiser becomes the projection
mu + U_r U_r^T (x - mu) and any network the identity, so their RMSE tends to

    E || (I - U_r U_r^T)(x0 - mu) || / sqrt(d):

nothing on training pictures, and on held-out ones a number that N alone decides.
"""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import RankGap
from denoscope.paper.reading import curves_panel, series_styles
from denoscope.paper.shared import audit_of
from denoscope.report.chart import Chart
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["TRAP"]


def _audits(cells: Cells) -> list[AuditTask]:
    return [audit_of(cells, subject) for subject in cells.main.ladder()]


def _gaps(cells: Cells) -> list[RankGap]:
    return [RankGap(subject=subject) for subject in cells.main.ladder()]


def needs(cells: Cells) -> list[Task]:
    return [*_audits(cells), *_gaps(cells)]


def _rows(store: Store, task: AuditTask, kind: str) -> pl.DataFrame:
    return store.table(task).filter(
        metric="score_error", denoiser="network", reference="gaussian", inputs=kind
    )


def draw(cells: Cells, store: Store) -> list[Drawing]:
    audits = _audits(cells)
    styles = series_styles([f"N = {task.train.data.n:,}" for task in audits])
    panels = tuple(
        curves_panel(
            [(style, _rows(store, task, kind)) for style, task in zip(styles, audits, strict=True)],
            caption=caption,
            y_title="RMSE, network to Gaussian",
            hold=(0.0,),
            x_domain=(0.0016, 1.0),
        )
        for kind, caption in (
            ("held_out", "Noisy held-out pictures"),
            ("train", "Noisy training pictures"),
        )
    )
    return [
        Chart(
            "trap-2-rank",
            "Distance to the Gaussian at low noise, held-out and training inputs",
            "What remains as sigma falls is what the training set's directions do not span: it says how "
            "many pictures there were, and nothing of the network.",
            panels,
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    gaps = _gaps(cells)
    told, worst, on_train = [], 0.0, 0.0
    for task in gaps:
        rows = store.table(task)
        near = {
            kind: float(rows.filter(metric="score_error", inputs=kind)["mean"][0])
            for kind in ("held_out", "train")
        }
        expected = float(rows.filter(metric="outside_span", inputs="held_out")["mean"][0])
        told.append(f"{near['held_out']:.4f} for {expected:.4f} (N={task.subject.data.n:,})")
        if expected > 0.01:  # below, the network's own error is as large
            worst = max(worst, abs(near["held_out"] / expected - 1))
        on_train = max(on_train, near["train"])
    return Check.of(
        f"RMSE for formula at sigma 0.002: {', '.join(told)}; on training inputs at most {on_train:.4f}",
        {
            f"RMSE and formula differ by {worst:.1%}": worst < 0.05,
            f"on training inputs the RMSE is {on_train:.4f}": on_train < 0.01,
        },
        {"worst_relative_error": worst, "on_training_inputs": on_train},
    )


TRAP = Figure(
    number=2,
    title="What the distance to the Gaussian means at low noise",
    claim="As sigma -> 0 the distance to the Gaussian is what N pictures do not span: a number of the "
    "data, zero on training inputs.",
    acceptance="at the lowest level within 5 % of the formula on held-out inputs (where it exceeds 0.01), "
    "below 0.01 on training inputs",
    needs=needs,
    draw=draw,
    check=check,
)
