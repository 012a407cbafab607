"""The linearity score of a perfectly affine denoiser is below 1.

D_G = mu + W (x - mu) with mu != 0 is affine, and weights a, b with a^2 + b^2 = 1 do not add up to 1:
D_G(a x1 + b x2) - (a D_G(x1) + b D_G(x2)) = (1 - a - b)(I - W) mu. The norm ratio tends to
|1 - a - b| (0.414 at a = b) at high noise. From the mean (the centred score) the ceiling is 1 and 0.
"""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Linearity
from denoscope.paper.reading import curves_panel
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style
from denoscope.sweeps import Store, Task

__all__ = ["TRAP"]


def _task(cells: Cells) -> Linearity:
    return Linearity(subject=cells.main.large(), pairs=cells.preset.linearity_pairs)


def needs(cells: Cells) -> list[Task]:
    return [_task(cells)]


def _rows(store: Store, task: Linearity, metric: str, denoiser: str) -> pl.DataFrame:
    return store.table(task).filter(metric=metric, denoiser=denoiser, inputs="held_out", param=0.5)


def draw(cells: Cells, store: Store) -> list[Drawing]:
    task = _task(cells)
    panels = tuple(
        curves_panel(
            [(denoiser_style(n), _rows(store, task, metric, n)) for n in ("network", "gaussian")],
            caption=caption,
            y_title="norm ratio (eq. 12)",
            hold=hold,
        )
        for metric, caption, hold in (
            ("linearity_norm_ratio", "As the paper defines it", (0.0, 2**0.5 - 1)),
            ("linearity_norm_ratio_centred", "From the mean", (0.0,)),
        )
    )
    return [
        Chart(
            "trap-3-ceiling",
            "Linearity of a network and of an exactly affine denoiser",
            "The Gaussian denoiser is affine and yet does not score 0: the reference of the score is its "
            "line, which tends to 0.414 at high noise. From the mean it is 0.",
            panels,
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    task = _task(cells)
    plain = _rows(store, task, "linearity_norm_ratio", "gaussian")
    centred = _rows(store, task, "linearity_norm_ratio_centred", "gaussian")
    top, most = float(plain.sort("sigma")["mean"][-1]), float(centred["mean"].max())  # type: ignore[arg-type]
    lowest = float(_rows(store, task, "linearity_cosine", "gaussian")["mean"].min())  # type: ignore[arg-type]
    return Check.of(
        f"the Gaussian denoiser: norm ratio {top:.3f} at sigma 80 (0.414 expected), at most {most:.1e} "
        f"from the mean; its lowest cosine {lowest:.4f}",
        {
            f"the norm ratio is {top:.3f} at sigma 80": abs(top - (2**0.5 - 1)) < 0.01,
            f"from the mean it reaches {most:.1e}": most < 1e-3,
        },
        {"at_high_noise": top, "centred": most, "lowest_cosine": lowest},
    )


TRAP = Figure(
    number=3,
    title="The ceiling of the linearity score",
    claim="An affine denoiser does not reach a linearity score of 1; the Gaussian's line is the reference.",
    acceptance="the Gaussian's norm ratio at sigma 80 is 0.414 to 0.01; from the mean below 0.001 everywhere",
    needs=needs,
    draw=draw,
    check=check,
)
