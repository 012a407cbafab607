"""A weight difference at high noise is a magnifying glass, and what it shows is how long training was.

Relative weights count against ||W_G||, and W_G = Sigma (Sigma + sigma^2 I)^-1 falls as Sigma / sigma^2,
while an input's size grows as sigma. A linear model whose answers are r (RMSE) away from the
Gaussian's, by its matrix, has

    ||W - W_G||_F^2 / ||W_G||_F^2  ~  d r^2 sigma^2 / ||Sigma||_F^2      for sigma^2 >> Sigma:

one r that nobody would see in a picture is nothing at sigma = 1 and a difference above 1 at 80. So
that the weights are off there (Figs 4, 14 and 22) says that training was short, not that the network
is not linear; it falls as training goes on.
"""

from itertools import pairwise

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Distillation
from denoscope.paper.reading import along_panel, at_level, compared, level_words, series_styles
from denoscope.paper.shared import distillation_of, ten_levels
from denoscope.report.chart import Chart
from denoscope.sweeps import Store, Task

__all__ = ["TRAP"]

HIGH = 20.0  # sigma from which the Gaussian's matrix is small beside 1
LEVELS = tuple(sigma for sigma in ten_levels() if sigma > HIGH)
ARRIVED = 0.2  # the paper's, of Figs 4 and 22
UNSEEN = 0.05  # RMSE at which two denoisers count as nearly the same, as in Fig. 2


def _lengths(cells: Cells) -> dict[float, Distillation]:
    """Thousands of pictures seen -> the large network's linear model: a 16th, a quarter and all."""
    family = cells.main
    end = family.family.kimg
    inside = family.family.snapshots_kimg
    kept = [min(inside, key=lambda k: abs(k - end / part)) for part in (16, 4)]
    train = family.large().train
    subjects = [*(family.subject(train, kimg=k) for k in kept), family.large()]
    return {one.seen_kimg: distillation_of(cells, one) for one in subjects}


def needs(cells: Cells) -> list[Task]:
    return list(_lengths(cells).values())


def _differences(cells: Cells, store: Store) -> dict[float, list[tuple[float, float, float]]]:
    """Level -> (thousands of pictures, weight difference, RMSE of linear model and Gaussian)."""
    tables = {kimg: store.table(task) for kimg, task in _lengths(cells).items()}
    return {
        sigma: [
            (
                kimg,
                at_level(table.filter(metric="weight_difference"), sigma),
                at_level(compared(table, "linear", "gaussian"), sigma),
            )
            for kimg, table in tables.items()
        ]
        for sigma in LEVELS
    }


def draw(cells: Cells, store: Store) -> list[Drawing]:
    found = _differences(cells, store)
    styles = series_styles([f"σ = {words}" for words in level_words(LEVELS)])
    parts = [
        (style, [(kimg, value, 0.0) for kimg, value, _ in rows])
        for style, rows in zip(styles, found.values(), strict=True)
    ]
    panel = along_panel(
        parts,
        caption="The linear model of the network of many pictures",
        x_title="thousand pictures seen in training",
        y_title="||W − W_G||² / ||W_G||²",
        hold=(ARRIVED,),
        y_scale="log",
    )
    return [
        Chart(
            "trap-5-weights",
            "Weights at high noise, along the training",
            "The Gaussian's matrix is small there, and small errors of the network loom large beside it. "
            "They fall as training goes on. The rule is the paper's 0.2.",
            (panel,),
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    found = _differences(cells, store)
    told, tests, values = [], {}, {}
    for sigma, rows in found.items():
        along = [value for _, value, _ in rows]
        told.append(f"{', '.join(f'{value:.2f}' for value in along)} at sigma {sigma:.3g}")
        falls = all(after < before for before, after in pairwise(along))
        tests[f"it does not fall throughout at sigma {sigma:.3g}"] = falls
        values[f"last_at_{sigma:.3g}"] = along[-1]
        apart = rows[-1][2]
        tests[f"the answers at sigma {sigma:.3g} are {apart:.3f} apart, to be seen"] = (
            apart < UNSEEN
        )
    lengths = ", ".join(f"{kimg:g}" for kimg, _, _ in next(iter(found.values())))
    ends = [(rows[-1][2], rows[-1][1]) for rows in found.values()]
    rmse = ", ".join(f"{r:.3f}" for r, _ in ends)
    return Check.of(
        f"weight difference after {lengths} thousand pictures: {'; '.join(told)}; the RMSE of these linear "
        f"models and the Gaussian at the end: {rmse}",
        tests,
        values,
    )


TRAP = Figure(
    number=5,
    title="What a weight difference means at high noise",
    claim="At high noise the Gaussian's matrix is small, and an error that no picture shows is a large "
    "difference of weights; it falls as training goes on.",
    acceptance=f"the weight difference falls with every fourfold length at every level above {HIGH:g}, "
    f"and at the end the RMSE of linear model and Gaussian is below {UNSEEN:g} there",
    needs=needs,
    draw=draw,
    check=check,
    explains=(4, 14, 22),
)
