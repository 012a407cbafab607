"""The page's charts as SVG and PDF, for a paper or a slide."""

from pathlib import Path

import vl_convert

from denoscope.report.charts import audit_charts
from denoscope.report.print import vega_lite_version
from denoscope.tables import read_audit, write_file

__all__ = ["write_figures"]


def write_figures(folder: str | Path, out: str | Path | None = None) -> list[Path]:
    """Draw every chart of an audit as NAME.svg and NAME.pdf into `out` (default: FOLDER/figures).

    Returns the files. Raises InputError for a folder that is no audit or cannot be written.
    """
    tables = read_audit(folder)
    place = Path(out) if out is not None else Path(folder) / "figures"
    written = []
    for chart in audit_charts(tables):
        spec, version = chart.for_print(), vega_lite_version()
        svg = vl_convert.vegalite_to_svg(spec, vl_version=version)
        written.append(write_file(place / f"{chart.name}.svg", svg.encode()))
        written.append(write_file(place / f"{chart.name}.pdf", vl_convert.svg_to_pdf(svg)))
    return written
