"""A comparison in words and numbers: the rows of its tables, for the terminal and the page alike."""

from collections.abc import Mapping

import polars as pl

from denoscope.report.wording import figure_name, interval, number, sigma_text
from denoscope.tables import Comparison, Summary

__all__ = ["UNPAIRED", "difference_rows", "headline_rows", "sample_rows"]

UNPAIRED = "u"  # stands behind a difference whose standard error is that of two separate means
# title -> (metric, reference, inputs), all of the network
_COLUMNS = {
    "error, train": ("rmse", "", "train"),
    "error, held out": ("rmse", "", "held_out"),
    "to Gaussian": ("score_error", "gaussian", "held_out"),
    "to multi-delta": ("score_error", "multi_delta", "held_out"),
    "linearity": ("linearity_cosine", "", "held_out"),
}
_OF_SAMPLES = {
    "memorization_ratio": "share of samples that copy",
    "gl_pixel": "GL of samples",
}

Rows = list[tuple[str, ...]]


def headline_rows(summaries: Mapping[str, Summary]) -> Rows:
    """A column an audit: what it was trained on, verdict, every headline figure with its interval."""
    all_of = list(summaries.values())
    rows: Rows = [
        ("", *summaries),
        (
            "trained on",
            *(f"{s.provenance.data.n_train:,} of {s.provenance.data.name}" for s in all_of),
        ),
        ("verdict", *(s.verdict.label.replace("_", " ") for s in all_of)),
        ("confidence", *(f"{s.verdict.confidence:.0%}" for s in all_of)),
        ("audit's seed", *(str(s.provenance.seed) for s in all_of)),
    ]
    for key in dict.fromkeys(key for s in all_of for key in s.headline):
        figures = [s.headline.get(key) for s in all_of]
        cells = (
            "–"
            if f is None
            else f"{number(f.value)} ({interval(f.low, f.high)})"
            if interval(f.low, f.high)
            else number(f.value)
            for f in figures
        )
        rows.append((figure_name(key), *cells))
    return rows


def difference_rows(found: Comparison, name: str) -> Rows:
    """What an audit has more (or less) than the first, a row a level, from high sigma to low.

    Each cell is a difference with two standard errors; columns without any are left out. Empty
    where nothing was measured by level.
    """
    rows = found.table.filter(audit=name, denoiser="network")
    by_level = rows.filter(pl.col("sigma").is_not_null())
    columns = {}
    for title, (metric, reference, inputs) in _COLUMNS.items():
        some = by_level.filter(metric=metric, reference=reference, inputs=inputs)
        if some.height:
            columns[title] = {row["sigma"]: _cell(row) for row in some.rows(named=True)}
    levels = sorted({sigma for column in columns.values() for sigma in column}, reverse=True)
    if not levels:
        return []
    lines = [
        (sigma_text(sigma), *(column.get(sigma, "–") for column in columns.values()))
        for sigma in levels
    ]
    return [("sigma", *columns), *lines]


def sample_rows(found: Comparison) -> Rows:
    """The differences of what finished samples say: an audit a row."""
    rows = found.table.filter(denoiser="network", inputs="noise").filter(pl.col("sigma").is_null())
    present = {m: words for m, words in _OF_SAMPLES.items() if m in set(rows["metric"])}
    if not present:
        return []
    lines = []
    for name in found.names[1:]:
        cells = {row["metric"]: _cell(row) for row in rows.filter(audit=name).rows(named=True)}
        lines.append((name, *(cells.get(metric, "–") for metric in present)))
    return [("", *present.values()), *lines]


def _cell(row: dict) -> str:
    sign = "+" if row["difference"] > 0 else ""
    error = "?" if row["se"] is None else number(2 * row["se"])
    return f"{sign}{number(row['difference'])} ± {error}{'' if row['paired'] else f' {UNPAIRED}'}"
