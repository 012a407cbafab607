"""One page that tells what an audit found: self-contained, drawn from the tables alone."""

import base64
import functools
import hashlib
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from denoscope.report.charts import audit_charts
from denoscope.report.gallery import gallery
from denoscope.report.print import vega_lite_version
from denoscope.report.wording import (
    PAPER,
    STATUS_WORDS,
    VERDICT_WORDS,
    VOTE_WORDS,
    figure_name,
    interval,
    number,
    sigma_text,
)
from denoscope.tables import AuditTables, read_audit, write_file

__all__ = ["page_html", "write_report"]


def write_report(folder: str | Path, out: str | Path | None = None, pictures: bool = True) -> Path:
    """Draw report.html from an audit folder, and return its path.

    out: where to write (default: FOLDER/report.html). pictures=False leaves out every training
    picture, sample and denoised picture, from the file too. Raises InputError where the folder is
    no audit or `out` cannot be written, RunError where the disk is full.
    """
    tables = read_audit(folder)
    place = Path(out) if out is not None else Path(folder) / "report.html"
    return write_file(place, page_html(tables, pictures).encode("utf-8"))


def page_html(tables: AuditTables, pictures: bool = True) -> str:
    """The page as text. Its policy forbids every request, and every script but its own two."""
    environment = Environment(
        loader=PackageLoader("denoscope.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "sigma": sigma_text, "figure_name": figure_name}
    environment.filters["on_scale"] = _on_scale
    environment.globals |= {"interval": interval}
    source = environment.loader.get_source  # type: ignore[union-attr]
    scripts = [_script(_vega()), _script(source(environment, "page.js")[0])]
    policy = (
        f"default-src 'none'; script-src {' '.join(_hash(script) for script in scripts)}; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    summary = tables.summary
    return environment.get_template("page.html.jinja").render(
        summary=summary,
        run=summary.provenance,
        verdict=summary.verdict,
        words=VERDICT_WORDS[summary.verdict.label],
        votes=VOTE_WORDS,
        statuses=STATUS_WORDS,
        gallery=gallery(tables, pictures),
        pictures=pictures,
        charts=[(chart, chart.for_page()) for chart in audit_charts(tables)],
        levels=_level_table(tables),
        command=shlex.join(summary.provenance.command),
        citations=_citations(summary.provenance.citations),
        style=Markup(source(environment, "page.css")[0]),
        scripts=[Markup(script) for script in scripts],
        policy=policy,
    )


def _on_scale(value: float) -> str:
    """The place of a signal on a line of 120 units, from 0 to 1; beyond the ends, at the end."""
    return f"{120 * min(1.0, max(0.0, value)):.1f}"


@functools.cache
def _vega() -> str:
    return vl_convert.javascript_bundle(None, vega_lite_version())  # type: ignore[arg-type]


def _script(text: str) -> str:
    """A script as it stands in the page, byte for byte what the browser will hash."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _citations(given: list[str]) -> list[str]:
    known = any("2410.24060" in one or "Hidden Gaussian" in one for one in given)
    return list(dict.fromkeys(given if known else [PAPER, *given]))


_COLUMNS = (
    ("Error, train", "rmse", "network", "", "train"),
    ("Error, held out", "rmse", "network", "", "held_out"),
    ("Gap", "rmse_gap", "network", "", "held_out"),
    ("To Gaussian", "score_error", "network", "gaussian", "held_out"),
    ("To multi-delta", "score_error", "network", "multi_delta", "held_out"),
    ("Linearity", "linearity_cosine", "network", "", "held_out"),
)


def _level_table(tables: AuditTables) -> dict[str, Any]:
    """Column titles, and for each level its note and numbers; columns without evidence are left out."""
    found = []
    for title, metric, denoiser, reference, inputs in _COLUMNS:
        rows = (
            tables.measurements.filter(
                metric=metric, denoiser=denoiser, reference=reference, inputs=inputs
            )
            .group_by("sigma")
            .agg(pl.col("mean").mean())
        )
        means = dict(rows.rows())
        if means:
            found.append((title, means))
    lines = [
        (level, [(title, number(means.get(level.sigma))) for title, means in found])
        for level in tables.summary.levels
    ]
    return {"titles": [title for title, _ in found], "lines": lines}
