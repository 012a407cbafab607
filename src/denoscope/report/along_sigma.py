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
    input_style,
    pair_style,
)
from denoscope.report.source import ChartSource
from denoscope.tables import INPUTS

__all__ = ["ALONG_SIGMA", "DRAWN", "plain_chart"]

_FLOOR = 5e-4  # one gray level is 8e-3: smaller errors are all as good as none


def _by_inputs(
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
            rules=[at for at in hold if y_scale == "linear"],
            shaded_below=source.collapse if shaded else None,
        )
        for inputs in order
        if not (some := rows.filter(inputs=inputs)).is_empty()
    )


def _denoising_error(source: ChartSource) -> Chart:
    rows = source.metric("rmse")
    idle = [
        source.metric(f"{name}_rmse").with_columns(denoiser=pl.lit(name), reference=pl.lit(""))
        for name in ("identity", "mean")
    ]
    rows = pl.concat([rows, *idle]).sort("sigma")
    rows = rows.filter(pl.col("mean") < 3)  # doing nothing costs sigma, up to 80
    rows = rows.with_columns(pl.col("mean", "low", "high").clip(_FLOOR))
    panels = _by_inputs(source, rows, "RMSE to the clean picture", y_scale="log")
    return Chart(
        "denoising-error",
        "How far each denoiser lands from the clean picture",
        "Lower is better. A network that knows its data lies below both gray lines on training "
        "pictures; one that memorizes follows the multi-delta, down on training pictures and up on "
        "held-out ones. Errors below 0.0005 are drawn at 0.0005.",
        panels,
    )


def _gap(source: ChartSource) -> Chart:
    rows = source.metric("rmse_gap")
    panels = _by_inputs(source, rows, "RMSE held-out minus training", hold=(0.0,))
    panels = tuple(replace(panel, caption="Held-out minus training") for panel in panels)
    return Chart(
        "train-held-out-gap",
        "How much worse held-out pictures are denoised than training pictures",
        "At zero the network treats both alike: it generalizes. Above zero, by more than the band, it "
        "knows its training pictures better than others of their kind. The Gaussian's own gap "
        "comes from taking mean and covariance from these pictures alone.",
        panels,
    )


def _closeness(source: ChartSource) -> Chart:
    rows = source.metric("score_error")
    panels = _by_inputs(
        source,
        rows,
        "RMSE between two denoisers",
        order=("held_out", "train", "noise"),
        hold=(0.0,),
        shaded=True,
        style=pair_style,
    )
    return Chart(
        "distance-to-closed-forms",
        "How far the network is from the Gaussian and from the multi-delta denoiser",
        "A generalizing network hugs the Gaussian (green near zero), a memorizing one the multi-delta "
        "(orange near zero) where the ground is gray: there the multi-delta answers with one training "
        "picture. To the right of it all are alike, and nearness to the multi-delta means nothing.",
        panels,
        figure="Fig. 2 (left)",
    )


def _toward(source: ChartSource) -> Chart:
    rows = source.metric("toward_multi_delta").filter(denoiser="network")
    if rows.is_empty():
        return Chart("toward-multi-delta", "", "", ())
    rows = rows.with_columns(
        series=pl.col("inputs").map_elements(lambda one: input_style(one).name, pl.String),
        mean=pl.col("mean").clip(-0.5, 1.5),
        low=pl.col("low").clip(-0.5, 1.5),
        high=pl.col("high").clip(-0.5, 1.5),
    )
    present = set(rows["inputs"].unique())
    panel = curve_panel(
        rows,
        [input_style(inputs) for inputs in ("held_out", "train", "noise") if inputs in present],
        caption="0 the Gaussian, 1 the multi-delta",
        y_title="place between the two",
        x_domain=sigma_domain(source.rows["sigma"]),
        y_domain=value_domain(rows, "linear", (0.0, 1.0)),
        rules=(0.0, 1.0),
        shaded_below=source.collapse,
    )
    return Chart(
        "toward-multi-delta",
        "Where the network stands between the Gaussian and the training pictures",
        "The network's answer, projected on the line from the Gaussian's answer (0) to the "
        "multi-delta's (1). Near 1 over the gray ground, on held-out inputs, it memorizes.",
        (panel,),
    )


def _explained(source: ChartSource) -> Chart:
    names = ("explained_gaussian", "explained_multi_delta")
    rows = pl.concat([source.metric(name) for name in names]).sort("sigma")
    rows = rows.with_columns(pl.col("mean", "low", "high").clip(-1, 1))
    panels = _by_inputs(
        source,
        rows,
        "share explained",
        order=("held_out", "train", "noise"),
        hold=(0.0, 1.0),
        shaded=True,
        style=lambda _, reference: denoiser_style(reference),
    )
    return Chart(
        "share-explained",
        "How much of the network each closed form explains",
        "1: the closed form answers exactly as the network does. 0 or below: no better than a "
        "constant. Values below -1 are drawn at -1.",
        panels,
    )


def _linearity(source: ChartSource) -> Chart:
    rows = source.metric("linearity_cosine")
    panels = _by_inputs(
        source, rows, "linearity score (cosine)", order=("held_out", "noise", "train"), hold=(1.0,)
    )
    return Chart(
        "linearity",
        "How linear the network is",
        "The cosine between the network's answer to a mix of two noisy pictures and the mix of its two "
        "answers. Generalizing networks stay near the Gaussian's line, which is the reference, not 1; "
        "memorizing ones dip at middle noise.",
        panels,
        figure="Figs 1 and 13",
    )


def _linearity_norm(source: ChartSource) -> Chart:
    rows = source.metric("linearity_norm_ratio")
    panels = _by_inputs(
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


def _effective(source: ChartSource) -> Chart:
    rows = source.metric("effective_pictures")
    if rows.is_empty():
        return Chart("effective-pictures", "", "", ())
    rows = rows.with_columns(
        series=pl.col("inputs").map_elements(lambda one: input_style(one).name, pl.String)
    )
    present = set(rows["inputs"].unique())
    n_train = max(1, source.tables.summary.provenance.data.n_train)
    panel = curve_panel(
        rows,
        [input_style(inputs) for inputs in ("held_out", "train", "noise") if inputs in present],
        caption=f"Out of {n_train:,} training pictures",
        y_title="effective number of pictures",
        x_domain=sigma_domain(source.rows["sigma"]),
        y_domain=value_domain(rows, "log", (1.0, float(n_train))),
        y_scale="log",
        rules=(1.0, float(n_train)),
        shaded_below=source.collapse,
    )
    return Chart(
        "effective-pictures",
        "How many training pictures share the multi-delta's answer",
        "At the lower line it has collapsed onto a single picture, at the upper one it answers their "
        "mean. The gray ground, here and above, is where it answers held-out inputs with fewer than two.",
        (panel,),
    )


def _psnr(source: ChartSource) -> Chart:
    rows = source.metric("psnr").with_columns(pl.col("mean", "low", "high").clip(upper_bound=80))
    panels = _by_inputs(source, rows, "PSNR (dB)")
    return Chart(
        "psnr",
        "Denoising error, in decibels",
        "The same errors as peak signal-to-noise ratio: higher is better. More than 80 dB is drawn "
        "at 80.",
        panels,
    )


def _norm_ratio(source: ChartSource) -> Chart:
    rows = source.metric("score_error_norm_ratio").filter(pl.col("mean") < 10)
    panels = _by_inputs(
        source,
        rows,
        "distance over the first one's norm",
        order=("held_out", "train", "noise"),
        hold=(0.0,),
        shaded=True,
        style=pair_style,
    )
    return Chart(
        "relative-distance-to-closed-forms",
        "The distances between denoisers, relative to the size of the answer",
        "As in the chart of distances above, each divided by the norm of the first one's answer.",
        panels,
    )


def plain_chart(source: ChartSource, metric: str) -> Chart:
    """The chart of a metric that has none of its own: mean against sigma, a panel a kind of input."""
    words = metric.replace("_", " ")
    panels = _by_inputs(
        source,
        source.metric(metric),
        words,
        style=lambda one, two: pair_style(one, two) if two else denoiser_style(one),
    )
    reading = "A measurement without words of its own here; see the tables' reference."
    return Chart(metric.replace("_", "-"), words.capitalize(), reading, panels)


ALONG_SIGMA = (
    *(_closeness, _toward, _gap, _denoising_error, _linearity, _linearity_norm),
    *(_explained, _psnr, _norm_ratio, _effective),
)

DRAWN = {
    *("rmse", "identity_rmse", "mean_rmse", "psnr", "rmse_gap"),
    *("score_error", "score_error_norm_ratio", "toward_multi_delta", "effective_pictures"),
    *("explained_gaussian", "explained_multi_delta", "linearity_cosine", "linearity_norm_ratio"),
}
"""The metrics that these charts show; `plain_chart` shows any other."""
