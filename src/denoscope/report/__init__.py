"""The report: tables to charts, picture grids and one page. Imports neither torch nor a model."""

from denoscope.report.chart import Chart
from denoscope.report.charts import audit_charts
from denoscope.report.comparison_page import write_comparison
from denoscope.report.figures import write_figures
from denoscope.report.looks import looks_chart
from denoscope.report.page import page_html, write_report

__all__ = [
    "Chart",
    "audit_charts",
    "looks_chart",
    "page_html",
    "write_comparison",
    "write_figures",
    "write_report",
]
