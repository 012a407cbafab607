"""The charts that hold the network against the two closed forms."""

import polars as pl

from denoscope.report.along_sigma import by_inputs
from denoscope.report.chart import Chart
from denoscope.report.curves import Panel, curve_panel, sigma_domain, value_domain
from denoscope.report.palette import MUTED, Style, denoiser_style, input_style, pair_style
from denoscope.report.source import ChartSource

__all__ = [
    "closeness_chart",
    "effective_chart",
    "explained_chart",
    "norm_ratio_chart",
    "toward_chart",
]

_DIFFERENT = 0.03  # RMSE between the closed forms, about four gray levels


def _where_closed_forms_differ(source: ChartSource, rows: pl.DataFrame) -> pl.DataFrame:
    """Without the levels where a place between the two closed forms means nothing."""
    apart = source.metric("score_error").filter(denoiser="gaussian", reference="multi_delta")
    if apart.is_empty():
        return rows
    clear = apart.filter(pl.col("mean") >= _DIFFERENT).select("inputs", "sigma")
    return rows.join(clear, on=["inputs", "sigma"], how="semi")


def _one_panel(
    source: ChartSource,
    rows: pl.DataFrame,
    look: dict[str, Style],
    *,
    caption: str,
    y_title: str,
    hold: tuple[float, ...],
    y_scale: str = "linear",
) -> tuple[Panel, ...]:
    """All lines on one pair of axes, a line each value of the column `kind`, ground and rules drawn."""
    if rows.is_empty():
        return ()
    names = pl.Series("series", [look[kind].name for kind in rows["kind"]])
    present = set(rows["kind"])
    panel = curve_panel(
        rows.with_columns(names),
        [style for kind, style in look.items() if kind in present],
        caption=caption,
        y_title=y_title,
        x_domain=sigma_domain(source.rows["sigma"]),
        y_domain=value_domain(rows, y_scale, hold),
        y_scale=y_scale,
        units=source.units,
        rules=hold,
        shaded_below=source.collapse,
    )
    return (panel,)


def closeness_chart(source: ChartSource) -> Chart:
    rows = source.metric("score_error")
    panels = by_inputs(
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


def toward_chart(source: ChartSource) -> Chart:
    rows = _where_closed_forms_differ(source, source.metric("toward_multi_delta"))
    rows = rows.with_columns(pl.col("mean", "low", "high").clip(-0.5, 1.5))
    rows = rows.filter((pl.col("denoiser") == "network") | (pl.col("inputs") == "held_out"))
    best = Style("The best possible, on held-out pictures", MUTED, (4, 4))
    look = {"train": input_style("train"), "held_out": input_style("held_out")}
    look |= {"noise": input_style("noise"), "clean": best}
    kinds = (
        pl.when(pl.col("denoiser") == "network").then(pl.col("inputs")).otherwise(pl.lit("clean"))
    )
    panels = _one_panel(
        source,
        rows.with_columns(kind=kinds),
        look,
        caption="0 the Gaussian, 1 the multi-delta",
        y_title="place between the two",
        hold=(0.0, 1.0),
    )
    return Chart(
        "toward-multi-delta",
        "Where the network stands between the Gaussian and the training pictures",
        "The network's answer, projected on the line from the Gaussian's answer (0) to the "
        "multi-delta's (1). Near 1 over the gray ground, on held-out inputs, it memorizes; where it "
        "generalizes, it follows the best possible denoiser. Levels where the two ends hardly differ "
        f"(RMSE below {_DIFFERENT:g}) are left out.",
        panels,
    )


def explained_chart(source: ChartSource) -> Chart:
    names = ("explained_gaussian", "explained_multi_delta")
    rows = pl.concat([source.metric(name) for name in names]).sort("sigma")
    rows = rows.with_columns(pl.col("mean", "low", "high").clip(-1, 1))
    panels = by_inputs(
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
        "1: the closed form answers exactly as the network does. 0: it tells no more of the network than a "
        "denoiser that knows only the mean and one variance of the pictures; below 0, less. Values below "
        "-1 are drawn at -1.",
        panels,
    )


def norm_ratio_chart(source: ChartSource) -> Chart:
    rows = source.metric("score_error_norm_ratio").filter(pl.col("mean") < 10)
    panels = by_inputs(
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


def effective_chart(source: ChartSource) -> Chart:
    rows = source.metric("effective_pictures").with_columns(kind=pl.col("inputs"))
    n_train = max(1, source.tables.summary.provenance.data.n_train)
    panels = _one_panel(
        source,
        rows,
        {inputs: input_style(inputs) for inputs in ("held_out", "train", "noise")},
        caption=f"Out of {n_train:,} training pictures",
        y_title="effective number of pictures",
        y_scale="log",
        hold=(1.0, float(n_train)),
    )
    return Chart(
        "effective-pictures",
        "How many training pictures share the multi-delta's answer",
        "At the lower line it has collapsed onto a single picture, at the upper one it answers their "
        "mean. The gray ground, here and above, is where it answers held-out inputs with fewer than two.",
        panels,
    )
