"""Figure 14: the distilled matrix becomes symmetric, and its singular values and vectors the Gaussian's."""

import numpy as np
import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Distillation
from denoscope.paper.reading import (
    along_panel,
    beside_gaussian,
    level_words,
    points_along,
    series_styles,
)
from denoscope.paper.shared import audit_of, descent_of, distillation_of
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

PICTURED = 4.0  # sigma of the vectors shown
LOWEST = 0.116  # sigma from which the paper finds the two matched
LEADING, MATCHED, CLOSE = 10, 0.7, 0.1


def _distilled(cells: Cells) -> dict[str, Distillation]:
    subjects = {"main": cells.main.large(), "second": cells.second.large()}
    return {name: distillation_of(cells, subject) for name, subject in subjects.items()}


def needs(cells: Cells) -> list[Task]:
    large = cells.main.large()
    return [descent_of(cells, large), *_distilled(cells).values(), audit_of(cells, large)]


def _defects(cells: Cells, store: Store) -> pl.DataFrame:
    """symmetry_defect by level, high to low, and epoch (param), the start left out: W is zero there."""
    table = store.table(descent_of(cells, cells.main.large()))
    rows = table.filter(pl.col("param") > 0, metric="symmetry_defect")
    return rows.sort("sigma", "param", descending=[True, False])


def _values(table: pl.DataFrame) -> pl.DataFrame:
    """Columns sigma, index, linear, gaussian: the singular values, levels high to low."""
    rows = table.filter(metric="singular_value")
    wide = rows.pivot(on="denoiser", index=["sigma", "index"], values="mean")
    return wide.sort("sigma", "index", descending=[True, False])


def draw(cells: Cells, store: Store) -> list[Drawing]:
    defects = _defects(cells, store)
    levels = defects["sigma"].unique(maintain_order=True).to_list()
    styles = series_styles([f"σ = {words}" for words in level_words(levels)])
    symmetry = along_panel(
        [
            (style, points_along(defects.filter(sigma=level)))
            for style, level in zip(styles, levels, strict=True)
        ],
        caption="Descent with Adam",
        x_title="epoch",
        y_title="||W − Wᵀ|| / ||W||",
        hold=(0.0,),
    )
    return [
        Chart(
            "fig-14-symmetry",
            "The linear model becomes symmetric as it is descended to",
            "The Gaussian denoiser's matrix is symmetric; nothing in the descent asks for it.",
            (symmetry,),
            figure="Fig. 14 (a)",
        ),
        _spectra(cells, store),
        *(_vectors(name, task, store) for name, task in _distilled(cells).items()),
    ]


def _spectra(cells: Cells, store: Store) -> Chart:
    values = _values(store.table(_distilled(cells)["main"]))
    levels = values.filter(pl.col("sigma").is_between(LOWEST, 20))["sigma"].unique(
        maintain_order=True
    )
    parts = []
    for level, base in zip(levels, series_styles(level_words(levels.to_list())), strict=True):
        rows = values.filter(sigma=level).with_columns(at=pl.col("index") + 1, se=pl.lit(0.0))
        for name, dash in (("linear", (1, 0)), ("gaussian", (2, 3))):
            style = Style(f"{name}, σ = {base.name}", base.colour, dash)
            parts.append((style, rows.select("at", name, "se").rows()))
    return Chart(
        "fig-14-singular-values",
        "Singular values of the distilled model and of the Gaussian",
        "Solid the distilled model's, dotted the Gaussian's, lambda / (lambda + sigma^2).",
        (along_panel(parts, caption="By rank", x_title="rank", y_title="singular value"),),
        figure="Fig. 14 (b)",
    )


def _vectors(name: str, task: Distillation, store: Store) -> PictureSheet:
    pictures, data = store.pictures(task), task.subject.data
    rows = [
        SheetRow(f"{words}, {part[0] + 1} to {part[-1] + 1}", pictures[f"vectors/{key}"][part])
        for part in np.array_split(np.arange(len(pictures["vectors/linear"])), 2)
        for key, words in (("linear", "distilled"), ("gaussian", "Gaussian"))
    ]
    return PictureSheet(
        f"fig-14-vectors-{name}",
        f"The first singular vectors at sigma = {PICTURED:g}, {data.where}",
        "Left singular vectors of the distilled matrix above those of the Gaussian's, which are the principal "
        "components of the training set; signs matched.",
        tuple(rows),
        figure="Fig. 14 (c, d)",
    )


def check(cells: Cells, store: Store) -> Check:
    defects = _defects(cells, store).group_by("sigma", maintain_order=True)
    ends = defects.agg(first=pl.col("mean").first(), last=pl.col("mean").last())
    fell = ends.filter(pl.col("last") < pl.col("first")).height
    rose = ", ".join(f"{s:.3g}" for s in ends.filter(pl.col("last") >= pl.col("first"))["sigma"])
    apart, match, off = {}, {}, []
    for name, task in _distilled(cells).items():
        table = store.table(task)
        sums = _values(table).filter(pl.col("sigma") >= LOWEST).group_by("sigma")
        shares = sums.agg(
            share=(
                (pl.col("linear") - pl.col("gaussian")).abs().sum() / pl.col("gaussian").sum()
            ).round(6)
        )
        far = shares.filter(pl.col("share") >= CLOSE).sort("sigma", descending=True)
        off += [f"{share:.2f} at {sigma:.3g} ({name} set)" for sigma, share in far.rows()]
        apart[name] = shares.sort("share", "sigma").row(-1, named=True)
        match[name] = _match(table)
    audited = store.table(audit_of(cells, cells.main.large()))
    worst = apart["main"]
    beside = (
        f"; at {worst['sigma']:.3g} ({beside_gaussian(audited, worst['sigma'])})"
        if worst["share"] >= CLOSE
        else ""
    )
    spectra = ", ".join(
        f"{one['share']:.3f} ({name} set, sigma {one['sigma']:.3g})" for name, one in apart.items()
    )
    vectors = ", ".join(f"{value:.2f} ({name} set)" for name, value in match.items())
    return Check.of(
        f"the symmetry defect falls at {fell} of {ends.height} levels; singular values from sigma 0.116 on "
        f"differ by at most {spectra} of their sum; the leading {LEADING} vectors at sigma 4 match with "
        f"{vectors}",
        {
            f"the defect does not fall at sigma {rose}": fell > ends.height / 2,
            f"the singular values differ by {', '.join(off)}{beside}": not off,
            f"the vectors match with {vectors} only": min(match.values()) > MATCHED,
        },
        {
            "levels_falling": fell / ends.height,
            **{f"spectrum_{name}": float(one["share"]) for name, one in apart.items()},
            **{f"vectors_{name}": value for name, value in match.items()},
        },
    )


def _match(table: pl.DataFrame) -> float:
    """The mean |cosine| of the leading singular vectors at the level nearest to the one pictured."""
    rows = table.filter(pl.col("index") < LEADING, metric="vector_correlation")
    apart = (pl.col("sigma").log() - float(np.log(PICTURED))).abs()
    return float(rows.filter(apart == apart.min())["mean"].mean())  # type: ignore[arg-type]


FIGURE = Figure(
    number=14,
    title="Symmetry during distillation, singular values and vectors of the linear model",
    claim="As it is distilled the linear model becomes symmetric; its singular values are the Gaussian's and "
    "its leading singular vectors the data's principal components.",
    acceptance="||W - W^T|| / ||W|| lower after the last epoch than after the first at most levels; from sigma "
    "0.116 on sum |s_L - s_G| < 0.1 sum s_G; mean |cosine| of the leading 10 vectors at sigma 4 > 0.7, on "
    "both sets",
    needs=needs,
    draw=draw,
    check=check,
)
