"""Every chart of an audit, drawn from its tables: one definition for the page and for print."""

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from denoscope.report.curves import (
    Panel,
    curve_panel,
    distribution_panel,
    sigma_domain,
    value_domain,
)
from denoscope.report.palette import Style, denoiser_style, input_name, input_style, pair_style
from denoscope.tables import INPUTS, AuditTables

__all__ = ["Chart", "audit_charts"]


_FLOOR = 5e-4  # one gray level is 8e-3: smaller errors are all as good as none


@dataclass(frozen=True)
class Chart:
    """A chart: its file name, what it shows in plain words, how to read it, its panels.

    figure: the figure of Li et al. 2024 that it corresponds to, or empty.
    """

    name: str
    title: str
    reading: str
    panels: tuple[Panel, ...]
    figure: str = ""

    def for_page(self) -> list[dict[str, Any]]:
        """One Vega-Lite spec a panel, as wide as its container, in the page's own ink."""
        return [
            panel.properties(width="container", height=250, description=self._spoken(panel))
            .configure(**_config("currentColor", "system-ui, sans-serif", columns=2))
            .to_dict()
            for panel in self.panels
        ]

    def for_print(self) -> dict[str, Any]:
        """One Vega-Lite spec, the panels side by side under the title, black on white."""
        wide = 300 if len(self.panels) > 1 else 420
        panels = [panel.properties(width=wide, height=240) for panel in self.panels]
        lines = textwrap.wrap(self.reading, 56 * len(panels) if len(panels) > 1 else 78)
        title = alt.TitleParams(self.title, subtitle=lines, anchor="start", offset=14)
        joined = alt.hconcat(*panels, spacing=28).properties(title=title, background="white")
        config = _config("#222222", "Helvetica, Arial, Liberation Sans, sans-serif", columns=6)
        return joined.configure(**config).to_dict()

    def _spoken(self, panel: Panel) -> str:
        return f"{self.title} {panel.title}. {self.reading}"


def _config(ink: str, font: str, columns: int) -> dict[str, Any]:
    faint = "#85888f55"
    axis = alt.AxisConfig(
        labelColor=ink,
        titleColor=ink,
        labelFontSize=11,
        titleFontSize=11.5,
        titleFontWeight="normal",
        gridColor="#85888f2e",
        domainColor=faint,
        tickColor=faint,
        labelOpacity=0.8,
        titlePadding=8,
        labelFlush=False,
    )
    legend = alt.LegendConfig(
        orient="top",
        direction="horizontal",
        labelColor=ink,
        labelFontSize=11.5,
        columns=columns,
        labelLimit=260,
        symbolOpacity=1,
        offset=6,
    )
    title = alt.TitleConfig(
        anchor="start",
        color=ink,
        fontSize=13,
        fontWeight=600,
        subtitleColor=ink,
        subtitleFontSize=11.5,
        subtitlePadding=6,
    )
    return {
        "background": "transparent",
        "font": font,
        "axis": axis,
        "legend": legend,
        "title": title,
        "view": alt.ViewConfig(stroke=None),
    }


def audit_charts(tables: AuditTables) -> list[Chart]:
    """The charts that these tables can fill, in reading order; a metric unknown here comes last.

    A chart without its evidence (no held-out pictures, no samples) is left out.
    """
    source = _Source(tables)
    drawn = [make(source) for make in (*_ALONG_SIGMA, *_OF_SAMPLES)]
    drawn += [_plain(source, metric) for metric in source.unknown_metrics()]
    return [chart for chart in drawn if chart is not None and chart.panels]


class _Source:
    """The tables as charts want them: finite, seeds pooled; and where the multi-delta collapses."""

    def __init__(self, tables: AuditTables) -> None:
        self.tables = tables
        finite = pl.col("mean").is_finite() & pl.col("sigma").is_finite() & (pl.col("sigma") > 0)
        self.rows = tables.measurements.filter(finite)
        self.collapse = self._collapse()

    def metric(self, name: str) -> pl.DataFrame:
        rows = self.rows.filter(metric=name)
        if name.startswith("linearity") and rows["param"].n_unique() > 1:
            off = (pl.col("param") - math.sqrt(0.5)).abs()
            rows = rows.filter(off == off.min())
        keys = ["denoiser", "reference", "inputs", "sigma", "sigma_used"]
        weight, spread = pl.col("n").cast(pl.Float64), pl.col("se").fill_null(0.0)
        pooled = rows.group_by(keys, maintain_order=True).agg(
            mean=(pl.col("mean") * weight).sum() / weight.sum(),
            half=2 * ((weight * spread) ** 2).sum().sqrt() / weight.sum(),
            n=pl.col("n").sum(),
        )
        return pooled.with_columns(
            low=pl.col("mean") - pl.col("half"), high=pl.col("mean") + pl.col("half")
        ).sort("sigma")

    def unknown_metrics(self) -> list[str]:
        return sorted(set(self.rows["metric"].unique()) - _DRAWN)

    def _collapse(self) -> float | None:
        """The level under which the multi-delta answers held-out inputs with about one picture."""
        rows = self.rows.filter(metric="effective_pictures")
        for inputs in ("held_out", "noise", "train"):
            some = rows.filter(inputs=inputs).sort("sigma")
            below = some.filter(pl.col("mean") < 2)["sigma"]
            above = some.filter(pl.col("mean") >= 2)["sigma"]
            if some.is_empty() or below.is_empty():
                continue
            top = float(below.max())  # type: ignore[arg-type]
            higher = above.filter(above > top)
            return math.sqrt(top * float(higher.min())) if len(higher) else top  # type: ignore[arg-type]
        return None


def _by_inputs(
    source: _Source,
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
    look = {pair: style(*pair) for pair in sorted(names, key=_place)}
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


def _place(pair: tuple[str, str]) -> tuple[int, int]:
    order = ["network", "gaussian", "multi_delta", "identity", "mean"]
    one, two = (order.index(name) if name in order else 9 for name in pair)
    return one, two


def _denoising_error(source: _Source) -> Chart:
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
        "held-out ones. Errors below 0.0005 are drawn there.",
        panels,
    )


def _gap(source: _Source) -> Chart:
    rows = source.metric("rmse_gap").with_columns(inputs=pl.lit("held_out"))
    panels = _by_inputs(source, rows, "RMSE held-out minus training", hold=(0.0,))
    panels = tuple(panel.properties(title="Held-out minus training") for panel in panels)
    return Chart(
        "train-held-out-gap",
        "How much worse held-out pictures are denoised than training pictures",
        "At zero the network treats both alike: it generalizes. Above zero, by more than the band, it "
        "knows its training pictures better than others of their kind.",
        panels,
    )


def _closeness(source: _Source) -> Chart:
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
        figure="Fig. 2, left",
    )


def _toward(source: _Source) -> Chart:
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


def _explained(source: _Source) -> Chart:
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


def _linearity(source: _Source) -> Chart:
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


def _linearity_norm(source: _Source) -> Chart:
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
        figure="Fig. 13, right",
    )


def _effective(source: _Source) -> Chart:
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


def _psnr(source: _Source) -> Chart:
    panels = _by_inputs(source, source.metric("psnr"), "PSNR (dB)")
    return Chart(
        "psnr",
        "Denoising error, in decibels",
        "The first chart again as peak signal-to-noise ratio: higher is better.",
        panels,
    )


def _norm_ratio(source: _Source) -> Chart:
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


def _distribution(
    source: _Source, column: str, caption: str, x_title: str, rule: float | None
) -> tuple[Panel, ...]:
    rows = source.tables.samples.filter(pl.col(column).is_finite())
    if rows.filter(source="sample").is_empty():
        return ()
    names = sorted(set(rows["denoiser"]), key=lambda name: _place((name, "")))
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


def _ratios(source: _Source) -> Chart:
    title = "d1/d2: distance to the nearest over the next"
    return Chart(
        "copy-ratio",
        "How many samples copy a training picture",
        "Each sample's distance to the nearest training picture, over that to the nearest one which is "
        "not its duplicate. Left of the line at 1/3 it counts as a copy: the height there is the "
        "memorization ratio. The dotted line is real held-out pictures: what chance alone would give.",
        _distribution(source, "ratio", "Share of pictures with a smaller ratio", title, 1 / 3),
    )


def _gl(source: _Source) -> Chart:
    return Chart(
        "gl",
        "How far samples are from the training set",
        "GL of each sample (eq. 14): distance to the nearest training picture over its own norm. A line "
        "left of the dotted one, real held-out pictures, means samples nearer to the training set than "
        "real pictures are.",
        _distribution(source, "gl", "Share of pictures with a smaller GL", "GL, in pixels", None),
        figure="Fig. 13, left",
    )


def _plain(source: _Source, metric: str) -> Chart:
    words = metric.replace("_", " ")
    rows = source.metric(metric)
    panels = _by_inputs(
        source,
        rows,
        words,
        style=lambda one, two: pair_style(one, two) if two else denoiser_style(one),
    )
    return Chart(
        metric.replace("_", "-"), words.capitalize(), "Mean with two standard errors.", panels
    )


_ALONG_SIGMA = (
    *(_closeness, _toward, _gap, _denoising_error, _linearity, _linearity_norm),
    *(_explained, _effective, _psnr, _norm_ratio),
)
_OF_SAMPLES = (_ratios, _gl)
_DRAWN = {
    *("rmse", "identity_rmse", "mean_rmse", "psnr", "rmse_gap"),
    *("score_error", "score_error_norm_ratio", "toward_multi_delta", "effective_pictures"),
    *("explained_gaussian", "explained_multi_delta"),
    *("linearity_cosine", "linearity_norm_ratio", "gl_pixel", "memorization_ratio"),
}
