"""A chart: panels with a title and a way to read it, given out for the page and for print."""

import textwrap
from dataclasses import dataclass
from typing import Any

import altair as alt

from denoscope.report.curves import Panel
from denoscope.report.palette import Style

__all__ = ["Chart"]


@dataclass(frozen=True)
class Chart:
    """A chart: its file name, what it shows in plain words, how to read it, its panels.

    figure: the figure of Li et al. 2024 to compare with, or empty.
    """

    name: str
    title: str
    reading: str
    panels: tuple[Panel, ...]
    figure: str = ""

    @property
    def styles(self) -> list[Style]:
        """The lines of the legend, in order, which all panels share."""
        return list(self.panels[0].styles) if self.panels else []

    def for_page(self) -> list[dict[str, Any]]:
        """One Vega-Lite spec a panel, as wide as its container, in the page's own ink."""
        return [
            panel.drawing.properties(
                title=panel.caption,
                width="container",
                height=250,
                description=f"{self.title}. {panel.caption}. {self.reading}",
            )
            .configure(**_config("currentColor", "system-ui, sans-serif", legend=False))
            .to_dict()
            for panel in self.panels
        ]

    def for_print(self) -> dict[str, Any]:
        """One Vega-Lite spec, the panels side by side under the title, black on white."""
        wide = 300 if len(self.panels) > 1 else 420
        panels = [
            panel.drawing.properties(title=panel.caption, width=wide, height=240)
            for panel in self.panels
        ]
        lines = textwrap.wrap(self.reading, 56 * len(panels) if len(panels) > 1 else 78)
        title = alt.TitleParams(self.title, subtitle=lines, anchor="start", offset=14)
        joined = alt.hconcat(*panels, spacing=28).properties(title=title, background="white")
        config = _config("#222222", "Helvetica, Arial, Liberation Sans, sans-serif", legend=True)
        return joined.configure(**config).to_dict()


def _config(ink: str, font: str, legend: bool) -> dict[str, Any]:
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
    keys = alt.LegendConfig(
        disable=not legend,  # the page has its own legend, one for all panels
        orient="top",
        direction="horizontal",
        labelColor=ink,
        labelFontSize=11.5,
        columns=6,
        labelLimit=260,
        symbolOpacity=1,
        symbolType="stroke",
        symbolSize=500,
        symbolStrokeWidth=2.5,
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
        "legend": keys,
        "title": title,
        "view": alt.ViewConfig(stroke=None),
    }
