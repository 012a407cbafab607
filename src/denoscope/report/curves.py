"""The two kinds of panel that every chart is made of: a curve against sigma, a distribution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from denoscope.report.palette import MUTED, Style

__all__ = [
    "Panel",
    "curve_panel",
    "distribution_panel",
    "log_ticks",
    "sigma_domain",
    "value_domain",
]


@dataclass(frozen=True)
class Panel:
    """One pair of axes: its caption, the lines of its legend, the altair drawing without a size."""

    caption: str
    styles: tuple[Style, ...]
    drawing: alt.LayerChart | alt.FacetChart


def sigma_domain(sigma: pl.Series) -> tuple[float, float]:
    """The levels' range, with a little air on the log axis."""
    return float(sigma.min()) / 1.25, float(sigma.max()) * 1.25  # type: ignore[arg-type]


def value_domain(rows: pl.DataFrame, scale: str, hold: Sequence[float] = ()) -> tuple[float, float]:
    """The range of means and bands, `hold` included, with air; bands may be cut on a log axis."""
    if scale == "log":
        positive = rows.filter(pl.col("mean") > 0)["mean"]
        if positive.is_empty():
            return 0.1, 1.0
        low = min([float(positive.min()), *hold])  # type: ignore[arg-type]
        high = max([float(rows["high"].max()), *hold])  # type: ignore[arg-type]
        return low / 1.4, high * 1.4
    low = min([float(rows["low"].min()), *hold])  # type: ignore[arg-type]
    high = max([float(rows["high"].max()), *hold])  # type: ignore[arg-type]
    air = 0.04 * (high - low) or 0.5
    return low - (air if low not in hold else 0), high + (air if high not in hold else 0)


def log_ticks(domain: tuple[float, float]) -> list[float]:
    """Powers of ten inside the domain, with their doubles and fives where these are few."""
    low, high = (math.log10(end) for end in domain)
    steps = (1,) if high - low > 2 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if domain[0] <= tick <= domain[1]]


def _scales(styles: Sequence[Style]) -> tuple[alt.Color, alt.StrokeDash]:
    names = [style.name for style in styles]
    colour = alt.Scale(domain=names, range=[style.colour for style in styles])
    dash = alt.Scale(domain=names, range=[list(style.dash) for style in styles])
    return (
        alt.Color("series:N", scale=colour, title=None),
        alt.StrokeDash("series:N", scale=dash, title=None),
    )


def _chosen(caption: str) -> tuple[alt.Parameter, alt.When]:
    """A signal that singles one line out: null, or a series. The page's legend sets it.

    Named by panel, since panels of one chart may be joined in one spec.
    """
    name = "chosen_" + "".join(letter if letter.isalnum() else "_" for letter in caption)
    chosen = alt.param(name, value=None)
    return chosen, alt.when(f"{name} === null || datum.series === {name}")


def curve_panel(
    rows: pl.DataFrame,
    styles: Sequence[Style],
    *,
    caption: str,
    y_title: str,
    x_domain: tuple[float, float],
    y_domain: tuple[float, float],
    y_scale: str = "linear",
    units: str = "pixels range over −1 … 1",
    rules: Sequence[float] = (),
    shaded_below: float | None = None,
) -> Panel:
    """Means with bands of two standard errors against sigma, one line a series.

    rows: columns series, sigma, sigma_used, mean, low, high, n; finite. units: of sigma, in words.
    rules: horizontal lines.
    shaded_below: the level under which the ground is tinted.
    """
    if y_scale == "log":
        rows = rows.filter(pl.col("mean") > 0)
    rows = rows.with_columns(
        label=pl.struct("mean", "low", "high").map_elements(_interval, pl.String)
    )
    x_axis = alt.Axis(values=log_ticks(x_domain), format="~g", title=f"noise level σ  ({units})")
    x = alt.X("sigma:Q", scale=alt.Scale(type="log", domain=x_domain, nice=False), axis=x_axis)
    if y_scale == "log":
        y_axis = alt.Axis(title=y_title, values=log_ticks(y_domain), format="~g")
        scale = alt.Scale(type="log", domain=y_domain, nice=False, clamp=True)
    else:
        y_axis = alt.Axis(title=y_title, tickCount=6)
        scale = alt.Scale(domain=y_domain, nice=False, zero=False, clamp=True)
    y = alt.Y("mean:Q", scale=scale, axis=y_axis)
    colour, dash = _scales(styles)
    chosen, faded = _chosen(caption)
    columns = ["series", "sigma", "sigma_used", "mean", "low", "high", "n", "label"]
    base = alt.Chart(alt.Data(values=rows.select(columns).to_dicts())).encode(x=x, color=colour)
    layers: list[alt.Chart] = []
    if shaded_below is not None and shaded_below > x_domain[0]:
        ends = alt.Data(values=[{"from": x_domain[0], "to": min(shaded_below, x_domain[1])}])
        tint = alt.Chart(ends).mark_rect(color=MUTED, opacity=0.12)
        layers.append(tint.encode(x=alt.X("from:Q"), x2="to:Q"))
    for rule in rules:
        line = alt.Chart(alt.Data(values=[{"at": rule}])).mark_rule(color=MUTED, strokeWidth=1)
        layers.append(line.encode(y=alt.Y("at:Q", scale=scale, axis=y_axis)))
    band = base.mark_area(clip=True).encode(
        y=alt.Y("low:Q", scale=scale, axis=y_axis),
        y2="high:Q",
        opacity=faded.then(alt.value(0.18)).otherwise(alt.value(0.03)),
    )
    line = base.mark_line(clip=True, strokeJoin="round").encode(
        y=y, strokeDash=dash, opacity=faded.then(alt.value(1)).otherwise(alt.value(0.12))
    )
    dots = base.mark_circle(size=22, clip=True).encode(
        y=y, opacity=faded.then(alt.value(1)).otherwise(alt.value(0.1))
    )
    touch = base.mark_circle(size=420, opacity=0, clip=True).encode(
        y=y,
        tooltip=[
            alt.Tooltip("series:N", title="line"),
            alt.Tooltip("sigma:Q", title="σ", format=".4~g"),
            alt.Tooltip("sigma_used:Q", title="σ used", format=".4~g"),
            alt.Tooltip("label:N", title="mean ± 2 se"),
            alt.Tooltip("n:Q", title="pictures"),
        ],
    )
    layers += [band, line, dots, touch.add_params(chosen)]
    return Panel(caption, tuple(styles), alt.layer(*layers))


def _interval(row: dict[str, float]) -> str:
    half = (row["high"] - row["low"]) / 2
    return f"{row['mean']:.4g} ± {half:.2g}" if half > 0 else f"{row['mean']:.4g}"


def distribution_panel(
    rows: pl.DataFrame,
    styles: Sequence[Style],
    *,
    caption: str,
    x_title: str,
    y_title: str,
    x_domain: tuple[float, float],
    rule: float | None = None,
) -> Panel:
    """The share of pictures below each value, as steps. rows: columns series, value; finite."""
    colour, dash = _scales(styles)
    chosen, faded = _chosen(caption)
    steps = [
        {"series": style.name, "value": value, "share": share}
        for style in styles
        for value, share in _steps(rows.filter(series=style.name)["value"], x_domain)
    ]
    x = alt.X("value:Q", scale=alt.Scale(domain=x_domain, nice=False, clamp=True), title=x_title)
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=y_title))
    base = alt.Chart(alt.Data(values=steps)).encode(x=x, y=y, color=colour)
    line = base.mark_line(interpolate="step-after").encode(
        strokeDash=dash, opacity=faded.then(alt.value(1)).otherwise(alt.value(0.12))
    )
    touch = base.mark_circle(size=200, opacity=0).encode(
        tooltip=[
            alt.Tooltip("series:N", title="pictures"),
            alt.Tooltip("value:Q", title=x_title, format=".3~g"),
            alt.Tooltip("share:Q", title="share at or below", format=".1%"),
        ]
    )
    layers: list[alt.Chart] = [line, touch.add_params(chosen)]
    if rule is not None:
        mark = alt.Chart(alt.Data(values=[{"at": rule}])).mark_rule(color=MUTED, strokeWidth=1)
        layers.insert(0, mark.encode(x=alt.X("at:Q")))
    return Panel(caption, tuple(styles), alt.layer(*layers))


def _steps(values: pl.Series, domain: tuple[float, float]) -> list[tuple[float, float]]:
    if values.is_empty():
        return []
    ranks = values.sort().to_list()
    thin = max(1, len(ranks) // 400)  # a step of 1/400 is finer than the eye sees
    kept = [(value, (i + 1) / len(ranks)) for i, value in enumerate(ranks)]
    kept = kept[thin - 1 :: thin] + ([kept[-1]] if len(kept) % thin else [])
    return [(domain[0], 0.0), *kept, (domain[1], 1.0)]
