"""Nearness to the multi-delta is no sign of memorization where the multi-delta is right.

The multi-delta is the optimum of the training set's own law. At high noise that is close to the
population's, and better than the Gaussian: a network that generalizes is nearer to it there.
"""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import curves_panel
from denoscope.paper.shared import audit_of
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style, pair_style
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["TRAP"]


def _audit(cells: Cells) -> AuditTask:
    return audit_of(cells, cells.main.large())


def needs(cells: Cells) -> list[Task]:
    return [_audit(cells)]


def _distance(rows: pl.DataFrame, reference: str) -> pl.DataFrame:
    return rows.filter(
        metric="score_error", denoiser="network", reference=reference, inputs="held_out"
    )


def _error(rows: pl.DataFrame, denoiser: str) -> pl.DataFrame:
    return rows.filter(metric="rmse", denoiser=denoiser, inputs="held_out")


def draw(cells: Cells, store: Store) -> list[Drawing]:
    rows = store.table(_audit(cells))
    panels = (
        curves_panel(
            [(denoiser_style(n), _error(rows, n)) for n in ("network", "gaussian", "multi_delta")],
            caption="Error to the clean held-out picture",
            y_title="RMSE",
            hold=(0.0,),
        ),
        curves_panel(
            [(pair_style("network", n), _distance(rows, n)) for n in ("gaussian", "multi_delta")],
            caption="Distance of the network to each closed form",
            y_title="RMSE between two denoisers",
            hold=(0.0,),
        ),
    )
    return [
        Chart(
            "trap-4-high-noise",
            "A network that generalizes, beside both closed forms",
            "Where the multi-delta's error is below the Gaussian's, the network is nearer to the "
            "multi-delta, and rightly so: it is the better denoiser there.",
            panels,
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    rows = store.table(_audit(cells))
    better = _error(rows, "multi_delta").join(
        _error(rows, "gaussian"), on="sigma", suffix="_gaussian"
    )
    better = better.filter(
        (pl.col("mean") < 0.97 * pl.col("mean_gaussian")) & (pl.col("sigma") > 0.5)
    )["sigma"].to_list()
    near = _distance(rows, "multi_delta").join(
        _distance(rows, "gaussian"), on="sigma", suffix="_gaussian"
    )
    nearer = near.filter(pl.col("mean") < pl.col("mean_gaussian"))["sigma"].to_list()
    both = [sigma for sigma in better if sigma in nearer]
    told = ", ".join(f"{sigma:.3g}" for sigma in better) or "none"
    if not better:
        return Check(
            "the multi-delta is nowhere clearly the better denoiser on held-out pictures",
            None,
            "too few training pictures for the multi-delta to be right at any level",
        )
    enough = max(1, len(better) - 1)
    return Check.of(
        f"the multi-delta is better than the Gaussian at sigma {told}; the network is nearer to it "
        f"at {len(both)} of these {len(better)} levels",
        {f"it is nearer at {len(both)} levels, {enough} expected": len(both) >= enough},
        {"levels": len(better), "nearer": len(both)},
    )


TRAP = Figure(
    number=4,
    title="Nearness to the multi-delta at high noise",
    claim="A generalizing network is nearer to the multi-delta wherever that is the better denoiser.",
    acceptance="at the levels above 0.5 where the multi-delta's held-out error is more than 3 % below "
    "the Gaussian's, the network is nearer to it at all but at most one",
    needs=needs,
    draw=draw,
    check=check,
)
