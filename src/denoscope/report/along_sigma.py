"""The charts against the noise level, one function each. A chart without rows has no panels."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from denoscope.report.chart import Chart
from denoscope.report.curves import Panel, curve_panel, sigma_domain, value_domain
from denoscope.report.palette import (
    Style,
    denoiser_style,
    in_order,
    input_name,
    pair_style,
)
from denoscope.report.source import ChartSource
from denoscope.tables import INPUTS

__all__ = [
    "by_inputs",
    "difference_chart",
    "error_chart",
    "gap_chart",
    "linearity_chart",
    "linearity_norm_chart",
    "plain_chart",
    "psnr_chart",
]

_FLOOR = 5e-4  # one gray level is 8e-3: smaller errors are all as good as none
_WIDEST = 0.25  # differences beyond it are beyond doubt, and would flatten the rest


def by_inputs(
    source: ChartSource,
    rows: pl.DataFrame,
    y_title: str,
    *,
    order: Sequence[str] = INPUTS,
    y_scale: str = "linear",
    hold: Sequence[float] = (),
    y_domain: tuple[float, float] | None = None,
    shaded: bool = False,
    style: Callable[[str, str], Style] = lambda name, _: denoiser_style(name),
) -> tuple[Panel, ...]:
    """One panel a kind of input, axes and legend the same in all."""
    if rows.is_empty():
        return ()
    names = rows.select("denoiser", "reference").unique(maintain_order=True).rows()
    look = {pair: style(*pair) for pair in sorted(names, key=in_order)}
    series = pl.Series(
        "series", [look[pair].name for pair in rows.select("denoiser", "reference").rows()]
    )
    rows = rows.with_columns(series)
    y_domain = y_domain or value_domain(rows, y_scale, hold)
    x_domain = sigma_domain(source.rows["sigma"])
    return tuple(
        curve_panel(
            some,
            list(look.values()),
            caption=input_name(inputs),
            y_title=y_title,
            x_domain=x_domain,
            y_domain=y_domain,
            y_scale=y_scale,
            units=source.units,
            rules=[at for at in hold if y_scale == "linear"],
            shaded_below=source.collapse if shaded else None,
        )
        for inputs in order
        if not (some := rows.filter(inputs=inputs)).is_empty()
    )


def error_chart(source: ChartSource) -> Chart:
    rows = source.metric("rmse")
    idle = [
        source.metric(f"{name}_rmse").with_columns(denoiser=pl.lit(name), reference=pl.lit(""))
        for name in ("identity", "mean")
    ]
    rows = pl.concat([rows, *idle]).sort("sigma")
    rows = rows.filter(pl.col("mean") < 3)  # doing nothing costs sigma, up to 80
    rows = rows.with_columns(pl.col("mean", "low", "high").clip(_FLOOR))
    panels = by_inputs(source, rows, "RMSE to the clean picture", y_scale="log")
    return Chart(
        "denoising-error",
        "How far each denoiser lands from the clean picture",
        "Lower is better. A network that knows its data lies below both gray lines on training "
        "pictures; one that memorizes follows the multi-delta, down on training pictures and up on "
        "held-out ones. Errors below 0.0005 are drawn at 0.0005.",
        panels,
    )


def gap_chart(source: ChartSource) -> Chart:
    rows = source.metric("rmse_gap")
    panels = by_inputs(source, rows, "RMSE held-out minus training", hold=(0.0,))
    panels = tuple(replace(panel, caption="Held-out minus training") for panel in panels)
    return Chart(
        "train-held-out-gap",
        "How much worse held-out pictures are denoised than training pictures",
        "At zero the network treats both alike: it generalizes. Above zero, by more than the band, it "
        "knows its training pictures better than others of their kind. The Gaussian's own gap "
        "comes from taking mean and covariance from these pictures alone.",
        panels,
    )


def linearity_chart(source: ChartSource) -> Chart:
    rows = source.metric("linearity_cosine")
    panels = by_inputs(
        source, rows, "linearity score (cosine)", order=("held_out", "noise", "train"), hold=(1.0,)
    )
    return Chart(
        "linearity",
        "How linear the network is",
        "The cosine between the network's answer to a mix of two noisy pictures and the mix of its two "
        "answers. Generalizing networks stay near the Gaussian's line, which is the reference, not 1; "
        "memorizing ones fall towards the multi-delta's at middle noise.",
        panels,
        figure="Figs 1 and 13",
    )


def linearity_norm_chart(source: ChartSource) -> Chart:
    rows = source.metric("linearity_norm_ratio")
    panels = by_inputs(
        source,
        rows,
        "distance from linearity (norm ratio)",
        order=("held_out", "noise", "train"),
        hold=(0.0,),
    )
    return Chart(
        "linearity-norm-ratio",
        "How far the network is from being linear",
        "The distance between the two answers of the chart above, over the norm of the first. The "
        "Gaussian denoiser is itself not at zero, because it is affine: compare with its line.",
        panels,
        figure="Fig. 13 (right)",
    )


def difference_chart(source: ChartSource) -> Chart:
    rows = source.metric("rmse_difference")
    rows = rows.with_columns(pl.col("mean", "low", "high").clip(-_WIDEST, _WIDEST))
    panels = by_inputs(
        source,
        rows,
        "RMSE of the network less that of ...",
        hold=(0.0,),
        style=lambda _, reference: denoiser_style(reference),
    )
    return Chart(
        "against-simple-denoisers",
        "Whether the network beats the simplest denoisers",
        "Below zero it does, on the same noisy pictures. Above zero on its own training pictures the "
        "level is broken (worse than the gray lines) or underfit (worse than the Gaussian); above zero on "
        f"held-out pictures alone is evidence of memorization. Values beyond {_WIDEST:g} are drawn there.",
        panels,
    )


def psnr_chart(source: ChartSource) -> Chart:
    rows = source.metric("psnr").with_columns(pl.col("mean", "low", "high").clip(upper_bound=80))
    panels = by_inputs(source, rows, "PSNR (dB)")
    return Chart(
        "psnr",
        "Denoising error, in decibels",
        "The same errors as peak signal-to-noise ratio: higher is better. More than 80 dB is drawn "
        "at 80.",
        panels,
    )


def plain_chart(source: ChartSource, metric: str) -> Chart:
    """The chart of a metric that has none of its own: mean against sigma, a panel a kind of input."""
    words = metric.replace("_", " ")
    panels = by_inputs(
        source,
        source.metric(metric),
        words,
        style=lambda one, two: pair_style(one, two) if two else denoiser_style(one),
    )
    reading = "A measurement without words of its own here; see the tables' reference."
    return Chart(metric.replace("_", "-"), words.capitalize(), reading, panels)
