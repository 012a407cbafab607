"""Figure 30: sampling goes on from a state pushed along the Jacobian's first singular vector."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Perturbation
from denoscope.paper.reading import along_panel, points_along, series_styles
from denoscope.report.chart import Chart
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.report.wording import sigma_text
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]


def _perturbation(cells: Cells) -> Perturbation:
    return Perturbation(subject=cells.main.large())


def _rows(store: Store, task: Perturbation, metric: str, sigma: float) -> pl.DataFrame:
    """By strength."""
    return store.table(task).filter(metric=metric, sigma=sigma).sort("param")


def needs(cells: Cells) -> list[Task]:
    return [_perturbation(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    task = _perturbation(cells)
    styles = series_styles([f"pushed at σ = {sigma_text(sigma)}" for sigma in task.levels])
    parts = [
        (style, points_along(_rows(store, task, "perturbation_change", sigma)))
        for style, sigma in zip(styles, task.levels, strict=True)
    ]
    pictures = store.pictures(task)
    rows = tuple(
        SheetRow(f"pushed at sigma = {sigma_text(sigma)}", pictures[f"final/{place}"])
        for place, sigma in enumerate(task.levels)
    )
    steps = [f"{strength:g}" for strength in task.strengths]
    columns = (*(f"-{step}" for step in reversed(steps)), "0", *(f"+{step}" for step in steps))
    return [
        Chart(
            "fig-30-change",
            "What a push along the first singular vector changes in the finished picture",
            "RMSE between the finished pictures with and without the push. Strength 1 is sigma: "
            "as far as the noise deviates in one direction.",
            (
                along_panel(
                    parts,
                    caption="Change of the finished picture",
                    x_title="strength of the push",
                    y_title="RMSE",
                    hold=(0.0,),
                ),
            ),
            figure="Fig. 30",
        ),
        PictureSheet(
            "fig-30-finished",
            "Finished pictures of one noise",
            "Columns: the strength of the push, and its direction. At high noise it makes another picture, "
            "at intermediate noise other details, at low noise none.",
            rows,
            columns=columns,
            figure="Fig. 30",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    task = _perturbation(cells)
    high, middle, low = (
        float(_rows(store, task, "perturbation_change", sigma)["mean"][-1]) for sigma in task.levels
    )
    other, same, _ = (
        float(_rows(store, task, "perturbation_cosine", sigma)["mean"][-1]) for sigma in task.levels
    )
    words = ", ".join(sigma_text(sigma) for sigma in task.levels)
    return Check.of(
        f"change by the strongest push at sigma {words}: {high:.3f}, {middle:.3f}, {low:.4f}; cosine with the "
        f"unpushed {other:.2f}, {same:.2f} at the first two",
        {
            "the change does not fall with the level": high > middle > low,
            f"a push at low noise changes the picture by {low:.4f}": low < 0.01,
            f"a push at intermediate noise leaves a cosine of {same:.2f} alone": same > 0.5,
            f"a push at high noise leaves a cosine of {other:.2f}": other < same,
        },
        {"high": high, "middle": middle, "low": low, "cosine_high": other, "cosine_middle": same},
    )


FIGURE = Figure(
    number=30,
    title="Sampling continued from a state pushed along the Jacobian's first singular vector",
    claim="A push at high noise makes another picture, at intermediate noise other details of the same, at "
    "low noise no difference.",
    acceptance="strongest push: RMSE of the finished pictures at 22.79 > 1.979 > 0.002, the last < 0.01; "
    "their centred cosine at 1.979 > 0.5 and above that at 22.79",
    needs=needs,
    draw=draw,
    check=check,
)
