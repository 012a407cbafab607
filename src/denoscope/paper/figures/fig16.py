"""Figure 16: the distance to the Gaussian at low noise is set by how few pictures there were."""

from itertools import pairwise
from math import prod

import numpy as np
import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import compared, curves_panel, series_styles
from denoscope.paper.shared import audit_of
from denoscope.report.chart import Chart
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["FIGURE"]

ZOOM = (0.0016, 1.0)
VISIBLE = 0.02  # ten times the lowest level: a rank effect below it is lost in the noise's own


def _ladder(cells: Cells) -> list[AuditTask]:
    return [audit_of(cells, subject) for subject in cells.main.ladder()]


def _widths(cells: Cells) -> list[AuditTask]:
    return [audit_of(cells, subject) for subject in cells.main.widths()]


def _images(task: AuditTask) -> int:
    return task.train.data.n


def _lowest(rows: pl.DataFrame) -> float:
    """The value at the lowest level."""
    return float(rows.sort("sigma")["mean"][0])


def needs(cells: Cells) -> list[Task]:
    return [*_ladder(cells), *_widths(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    ladder, widths = _ladder(cells), _widths(cells)
    sweeps = {
        "images": ([f"N = {_images(task):,}" for task in ladder], ladder),
        "widths": ([f"width {task.train.settings.network.width}" for task in widths], widths),
    }
    charts: list[Drawing] = []
    for sweep, (names, tasks) in sweeps.items():
        panels = tuple(
            curves_panel(
                [
                    (style, compared(store.table(task), "network", "gaussian", inputs=inputs))
                    for style, task in zip(series_styles(names), tasks, strict=True)
                ],
                caption=caption,
                y_title="RMSE to the Gaussian",
                x_domain=ZOOM,
                hold=(0.0,),
            )
            for inputs, caption in (
                ("held_out", "Held-out pictures"),
                ("train", "Training pictures"),
            )
        )
        charts.append(
            Chart(
                f"fig-16-low-noise-{sweep}",
                "Distance to the Gaussian at low noise",
                "Few pictures span few directions, and the Gaussian gives back nothing outside of them; "
                "a network gives back everything. The gap is there for held-out pictures alone.",
                panels,
                figure="Fig. 16",
            )
        )
    return charts


def check(cells: Cells, store: Store) -> Check:
    ladder, widths = _ladder(cells), _widths(cells)
    d = prod(ladder[0].train.settings.network.shape)
    tables = {_images(task): store.table(task) for task in ladder}
    far = {n: _lowest(compared(table, "network", "gaussian")) for n, table in tables.items()}
    own = {
        n: _lowest(table.filter(metric="rmse", denoiser="gaussian", inputs="held_out"))
        for n, table in tables.items()
    }
    trained = max(
        _lowest(compared(table, "network", "gaussian", inputs="train")) for table in tables.values()
    )
    few = [n for n in far if n < d]
    visible = [n for n in few if own[n] > VISIBLE]
    off = max((abs(far[n] / own[n] - 1) for n in visible), default=float("nan"))
    by_width = np.array(
        [_lowest(compared(store.table(task), "network", "gaussian")) for task in widths]
    )
    spread = float(np.ptp(by_width) / by_width.mean())
    told = ", ".join(f"{value:.4f} (N={n:,})" for n, value in far.items())
    falling = [far[n] for n in list(far)[: len(few) + 1]]
    return Check.of(
        f"at the lowest level {told}, d = {d:,}; widths differ by {spread:.1%}; on training pictures at "
        f"most {trained:.4f}; from the Gaussian's own error {off:.1%}",
        {
            "it does not fall with N": all(one > two for one, two in pairwise(falling)),
            f"it differs from the Gaussian's own error by {off:.1%}": off < 0.05,
            f"it differs between widths by {spread:.1%}": spread < 0.05,
            f"it is {trained:.4f} on training pictures": trained < 0.01,
        },
        {
            "widths_spread": spread,
            "largest_on_training_pictures": trained,
            "off_rank_effect": off,
            **{f"distance_n{n}": value for n, value in far.items()},
        },
    )


FIGURE = Figure(
    number=16,
    title="Distance to the Gaussian at low noise, by N and by width",
    claim="With fewer pictures than dimensions the distance on held-out pictures does not vanish as "
    "sigma goes to 0, and depends on N alone, not on the network's width.",
    acceptance="at sigma = 0.002, N < d: the held-out RMSE falls with every N, is within 5 % of the "
    "Gaussian's own error (the rank effect, where above 0.02), differs by < 5 % between widths; < 0.01 "
    "on training pictures",
    needs=needs,
    draw=draw,
    check=check,
)
