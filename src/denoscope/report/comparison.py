"""The charts of a comparison: one line an audit, and below the difference from the first."""

from collections.abc import Mapping

import polars as pl

from denoscope.report.chart import Chart
from denoscope.report.curves import Panel, curve_panel, sigma_domain, value_domain
from denoscope.report.palette import Style, input_name
from denoscope.report.source import ChartSource
from denoscope.tables import AuditTables, Comparison

__all__ = ["MEASURES", "audit_styles", "comparison_charts"]

_HUES = ("#1f7fc4", "#d9621e", "#0a9a74", "#a64ca6", "#b58900", "#5c6bc0", "#8d6e63")
_DASHES = ((1, 0), (7, 3), (9, 3, 2, 3), (2, 3))
# (metric, reference, kinds of input) -> title, axis. All of the network.
MEASURES = {
    ("rmse", "", ("train", "held_out")): ("Denoising error", "RMSE to the clean picture"),
    ("score_error", "gaussian", ("held_out", "noise")): (
        "Distance to the Gaussian denoiser",
        "RMSE between the two",
    ),
    ("score_error", "multi_delta", ("held_out", "noise")): (
        "Distance to the multi-delta denoiser",
        "RMSE between the two",
    ),
    ("linearity_cosine", "", ("held_out", "noise")): ("Linearity", "linearity score (cosine)"),
}


def audit_styles(names: tuple[str, ...]) -> dict[str, Style]:
    """A line for each audit: seven colours and four dashes, which meet again after 28."""
    return {
        name: Style(name, _HUES[place % len(_HUES)], _DASHES[place % len(_DASHES)])
        for place, name in enumerate(names)
    }


def comparison_charts(audits: Mapping[str, AuditTables], found: Comparison) -> list[Chart]:
    """The curves of all audits compared, and their differences from the first, measure by measure.

    audits: as given to `denoscope.tables.compare_audits`. A measure that no audit has is left out.
    """
    styles = audit_styles(found.names)
    sources = {name: ChartSource(audits[name]) for name in found.names}
    units = "; ".join(dict.fromkeys(source.units for source in sources.values()))
    charts = []
    for (metric, reference, kinds), (title, axis) in MEASURES.items():
        keys = {"metric": metric, "denoiser": "network", "reference": reference}
        rows = pl.concat(_curve(source, keys, name) for name, source in sources.items())
        gaps = _gaps(found.table.filter(**keys))
        name = "-".join(filter(None, (metric, reference))).replace("_", "-")
        reading = "One line an audit, with bands of two standard errors."
        charts.append(Chart(name, title, reading, _panels(rows, kinds, styles, axis, units)))
        first, *others = found.names
        reading = (
            f"Above zero where it is larger than that of {first}; surely, where the band of two standard "
            "errors is clear of zero. Paired audits are held together picture by picture."
        )
        look = {other: styles[other] for other in others}
        panels = _panels(gaps, kinds, look, f"less that of {first}", units, (0.0,))
        charts.append(Chart(f"{name}-difference", f"{title}: difference", reading, panels))
    return [chart for chart in charts if chart.panels]


def _curve(source: ChartSource, keys: dict[str, str], name: str) -> pl.DataFrame:
    rows = source.metric(keys["metric"])
    rows = rows.filter(denoiser=keys["denoiser"], reference=keys["reference"])
    return rows.with_columns(series=pl.lit(name))


def _gaps(rows: pl.DataFrame) -> pl.DataFrame:
    half = 2 * pl.col("se").fill_null(0.0)
    gap = pl.col("difference")
    found = rows.filter(pl.col("sigma").is_not_null()).sort("sigma")
    return found.with_columns(series=pl.col("audit"), mean=gap, low=gap - half, high=gap + half)


def _panels(
    rows: pl.DataFrame,
    kinds: tuple[str, ...],
    styles: dict[str, Style],
    y_title: str,
    units: str,
    rules: tuple[float, ...] = (),
) -> tuple[Panel, ...]:
    rows = rows.filter(pl.col("inputs").is_in(kinds))
    if rows.is_empty():
        return ()
    domain, y_domain = sigma_domain(rows["sigma"]), value_domain(rows, "linear", rules)
    return tuple(
        curve_panel(
            some,
            list(styles.values()),
            caption=input_name(kind),
            y_title=y_title,
            x_domain=domain,
            y_domain=y_domain,
            units=units,
            rules=rules,
        )
        for kind in kinds
        if not (some := rows.filter(inputs=kind)).is_empty()
    )
