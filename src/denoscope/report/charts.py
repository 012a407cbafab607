"""Every chart that an audit's tables can fill, in reading order."""

from denoscope.report.along_sigma import (
    difference_chart,
    error_chart,
    gap_chart,
    linearity_chart,
    linearity_norm_chart,
    plain_chart,
    psnr_chart,
)
from denoscope.report.chart import Chart
from denoscope.report.closed_form_charts import (
    closeness_chart,
    effective_chart,
    explained_chart,
    norm_ratio_chart,
    toward_chart,
)
from denoscope.report.of_samples import gl_chart, ratio_chart
from denoscope.report.source import ChartSource
from denoscope.tables import AuditTables

__all__ = ["audit_charts"]

_CHARTS = (
    *(closeness_chart, toward_chart, gap_chart, error_chart, ratio_chart, gl_chart),
    *(linearity_chart, linearity_norm_chart, difference_chart, explained_chart),
    *(psnr_chart, norm_ratio_chart, effective_chart),
)

_DRAWN = {
    *("rmse", "identity_rmse", "mean_rmse", "psnr", "rmse_gap", "rmse_difference"),
    *("score_error", "score_error_norm_ratio", "toward_multi_delta", "effective_pictures"),
    *("explained_gaussian", "explained_multi_delta", "linearity_cosine", "linearity_norm_ratio"),
}


def audit_charts(tables: AuditTables) -> list[Chart]:
    """One definition for the page and for print; a metric without a chart of its own comes last.

    A chart without its evidence (no held-out pictures, no samples) is left out.
    """
    source = ChartSource(tables)
    drawn = [make(source) for make in _CHARTS]
    others = sorted(set(source.rows["metric"].unique()) - _DRAWN)
    drawn += [plain_chart(source, metric) for metric in others]
    return [chart for chart in drawn if chart.panels]
