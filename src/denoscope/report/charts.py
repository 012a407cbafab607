"""Every chart that an audit's tables can fill, in reading order."""

from denoscope.report.along_sigma import ALONG_SIGMA, DRAWN, plain_chart
from denoscope.report.chart import Chart
from denoscope.report.of_samples import OF_SAMPLES
from denoscope.report.source import ChartSource
from denoscope.tables import AuditTables

__all__ = ["audit_charts"]

_CLOSEST_LOOK = 4  # the first charts along sigma, then the samples, then the rest


def audit_charts(tables: AuditTables) -> list[Chart]:
    """One definition for the page and for print; a metric without a chart of its own comes last.

    A chart without its evidence (no held-out pictures, no samples) is left out.
    """
    source = ChartSource(tables)
    first, rest = ALONG_SIGMA[:_CLOSEST_LOOK], ALONG_SIGMA[_CLOSEST_LOOK:]
    drawn = [make(source) for make in (*first, *OF_SAMPLES, *rest)]
    others = sorted(set(source.rows["metric"].unique()) - DRAWN)
    drawn += [plain_chart(source, metric) for metric in others]
    return [chart for chart in drawn if chart.panels]
