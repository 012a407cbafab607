"""The panel of a study: a measure against a count on a log axis, one line a series."""

from collections.abc import Sequence

import altair as alt
import polars as pl

from denoscope.report.curves import Panel, log_ticks, value_domain
from denoscope.report.palette import MUTED, Style

__all__ = ["against_panel"]

MOST_TICKS = 12


def against_panel(
    rows: pl.DataFrame,
    styles: Sequence[Style],
    caption: str,
    x_title: str,
    y_title: str,
    hold: Sequence[float] = (),
    x_domain: tuple[float, float] | None = None,
    y_scale: str = "linear",
) -> Panel:
    """Means with bars of two standard errors at the counts measured: the ticks, where they are few.

    rows: columns series, x, mean, low, high; finite, x positive. hold: values that the y axis must
    show, each with a line. x_domain: the axis, where panels share one. y_scale: "linear" or "log".
    """
    names = [style.name for style in styles]
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=names, range=[style.colour for style in styles]),
        title=None,
    )
    dash = alt.StrokeDash(
        "series:N",
        scale=alt.Scale(domain=names, range=[list(style.dash) for style in styles]),
        title=None,
    )
    counts = sorted(set(rows["x"].to_list()))
    domain = x_domain or (counts[0] / 1.3, counts[-1] * 1.3)
    ticks = counts if len(counts) <= MOST_TICKS else log_ticks(domain)
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", domain=domain, nice=False),
        axis=alt.Axis(values=ticks, format=",~f", title=x_title, labelOverlap="greedy"),
    )
    low, high = value_domain(rows, y_scale, hold)
    if y_scale == "log":
        scale = alt.Scale(type="log", domain=(low, high), nice=False, clamp=True)
        y_axis = alt.Axis(title=y_title, values=log_ticks((low, high)), format="~g")
    else:
        air = 0.05 * (high - low)  # dots on a line at the end of the axis are drawn whole
        scale = alt.Scale(domain=(low - air, high + air), nice=False, zero=False, clamp=True)
        y_axis = alt.Axis(title=y_title, tickCount=6)
    y = alt.Y("mean:Q", scale=scale, axis=y_axis)
    base = alt.Chart(alt.Data(values=rows.to_dicts())).encode(x=x, color=colour)
    layers: list[alt.Chart] = []
    for rule in hold:
        line = alt.Chart(alt.Data(values=[{"at": rule}])).mark_rule(color=MUTED, strokeWidth=1)
        layers.append(line.encode(y=alt.Y("at:Q", scale=scale, axis=y_axis)))
    layers += [
        base.mark_rule(strokeWidth=1.5, clip=True).encode(
            y=alt.Y("low:Q", scale=scale, axis=y_axis), y2="high:Q"
        ),
        base.mark_line(clip=True, strokeJoin="round").encode(y=y, strokeDash=dash),
        base.mark_circle(size=44, opacity=1, clip=True).encode(y=y),
    ]
    return Panel(caption, tuple(styles), alt.layer(*layers))
