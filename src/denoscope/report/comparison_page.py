"""What a comparison leaves: its table, one page, and its charts. Nothing in the page runs or loads."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from denoscope.report.chart import Chart
from denoscope.report.comparison import comparison_charts
from denoscope.report.comparison_rows import difference_rows, headline_rows, sample_rows
from denoscope.report.print import print_chart
from denoscope.tables import AuditTables, Comparison, write_file

__all__ = ["comparison_html", "write_comparison"]


def write_comparison(
    folder: str | Path, audits: Mapping[str, AuditTables], found: Comparison
) -> Path:
    """Write compare.parquet, compare.html and figures/ into `folder`; return the page's path.

    audits: as given to `denoscope.tables.compare_audits`, found: what it returned. Raises InputError
    where the folder cannot be written, RunError where the disk is full.
    """
    where = Path(folder)
    buffer = io.BytesIO()
    found.table.write_parquet(buffer)
    write_file(where / "compare.parquet", buffer.getvalue())
    drawn: list[tuple[Chart, bytes]] = []
    for chart in comparison_charts(audits, found):
        printed = print_chart(chart)
        for ending, content in printed.items():
            write_file(where / "figures" / f"{chart.name}.{ending}", content)
        drawn.append((chart, printed["svg"]))
    page = comparison_html(audits, found, drawn)
    return write_file(where / "compare.html", page.encode())


def comparison_html(
    audits: Mapping[str, AuditTables], found: Comparison, drawn: list[tuple[Chart, bytes]]
) -> str:
    """The page as text; drawn: the charts with their SVG."""
    environment = Environment(
        loader=PackageLoader("denoscope.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = environment.loader.get_source  # type: ignore[union-attr]
    summaries = {name: audits[name].summary for name in found.names}
    return environment.get_template("compare.html.jinja").render(
        names=found.names,
        remarks=found.remarks,
        headline=headline_rows(summaries),
        samples=sample_rows(found),
        differences={name: difference_rows(found, name) for name in found.names[1:]},
        # As pictures, each apart: the ids inside two drawings may be the same.
        charts=[(chart, base64.b64encode(svg).decode()) for chart, svg in drawn],
        style=Markup(source(environment, "page.css")[0]),
    )
