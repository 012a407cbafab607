"""The charts of finished samples beside their held-out control."""

import polars as pl

from denoscope.report.chart import Chart
from denoscope.report.curves import Panel, distribution_panel
from denoscope.report.palette import denoiser_style, in_order
from denoscope.report.source import ChartSource

__all__ = ["gl_chart", "ratio_chart"]


def _distribution(
    source: ChartSource, column: str, caption: str, x_title: str, rule: float | None
) -> tuple[Panel, ...]:
    rows = source.tables.samples.filter(pl.col(column).is_finite())
    if rows.filter(source="sample").is_empty():
        return ()
    names = sorted(set(rows["denoiser"]), key=lambda name: in_order((name, "")))
    look = {name: denoiser_style(name) for name in names}
    series = pl.Series("series", [look[name].name for name in rows["denoiser"]])
    rows = rows.select(series, pl.col(column).alias("value"))
    top = max(1.0, 1.02 * float(rows["value"].max()))  # type: ignore[arg-type]
    return (
        distribution_panel(
            rows,
            list(look.values()),
            caption=caption,
            x_title=x_title,
            y_title="share of pictures below",
            x_domain=(0.0, 1.0 if column == "ratio" else top),
            rule=rule,
        ),
    )


def ratio_chart(source: ChartSource) -> Chart:
    title = "d1/d2: distance to the nearest over the next"
    return Chart(
        "copy-ratio",
        "How many samples copy a training picture",
        "Each sample's distance to the nearest training picture, over that to the nearest one which is "
        "not its duplicate. Left of the line at 1/3 it counts as a copy: the height there is the "
        "memorization ratio. The dotted line is real held-out pictures: what chance alone would give.",
        _distribution(source, "ratio", "Share of pictures with a smaller ratio", title, 1 / 3),
    )


def gl_chart(source: ChartSource) -> Chart:
    return Chart(
        "gl",
        "How far samples are from the training set",
        "GL of each sample (eq. 14): distance to the nearest training picture over its own norm. A line "
        "left of the dotted one, real held-out pictures, means samples nearer to the training set than "
        "real pictures are.",
        _distribution(
            source, "gl", "Share of pictures with a smaller GL", "GL, over the sample's norm", None
        ),
        figure="Fig. 13 (left)",
    )
