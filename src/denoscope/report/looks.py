"""The chart of a watched training: what its looks saw, and where it was stopped."""

from collections.abc import Mapping
from dataclasses import replace

import altair as alt
import polars as pl

from denoscope.report.against import against_panel
from denoscope.report.chart import Chart
from denoscope.report.curves import Panel
from denoscope.report.palette import MUTED, SIGNALS
from denoscope.tables import WatchRecord

__all__ = ["looks_chart"]

_ENDS = (-0.5, 1.0)  # signals of a network that has learned nothing can lie far below 0


def looks_chart(records: Mapping[str, WatchRecord]) -> Chart:
    """The signals at every look against the pictures seen, a panel a training, axes the same in all.

    records: by caption, as `denoscope.tables.read_watch` reads them. Where memorization set
    in, a line stands at the last look before, whose weights are kept, and one at that of onset.
    """
    rows = {caption: _rows(record) for caption, record in records.items()}
    rows = {caption: some for caption, some in rows.items() if some.height}
    if not rows:
        return Chart("looks", "", "", ())
    seen = pl.concat([some["x"] for some in rows.values()])
    domain = float(seen.min()) / 1.3, float(seen.max()) * 1.3  # type: ignore[arg-type]
    return Chart(
        "looks",
        "What the looks at a training saw",
        "Each signal on one scale, with bars of its 95 % interval: 0 generalizing, 1 memorizing. The "
        "vertical lines are the last look before memorization set in and the look that found it. "
        "Values below -0.5 are drawn there.",
        tuple(_panel(caption, some, records[caption], domain) for caption, some in rows.items()),
    )


def _rows(record: WatchRecord) -> pl.DataFrame:
    rows = [
        {
            "series": SIGNALS[one.signal].name,
            "x": look.seen / 1000,
            "mean": one.value,
            "low": one.value if one.low is None else one.low,
            "high": one.value if one.high is None else one.high,
        }
        for look in record.looks
        for one in look.verdict.reasons
        if one.signal in SIGNALS and one.value is not None and look.seen
    ]
    if not rows:
        return pl.DataFrame()
    return pl.DataFrame(rows).with_columns(pl.col("mean", "low", "high").clip(*_ENDS))


def _panel(
    caption: str, rows: pl.DataFrame, record: WatchRecord, domain: tuple[float, float]
) -> Panel:
    panel = against_panel(
        *(rows, list(SIGNALS.values()), caption),
        x_title="thousand pictures seen",
        y_title="signal",
        hold=(0.0, 1.0),
        x_domain=domain,
    )
    if record.onset is None:
        return panel
    marks = [look.seen / 1000 for look in (record.before, record.onset) if look is not None]
    data = alt.Data(values=[{"at": at} for at in marks])
    lines = alt.Chart(data).mark_rule(color=MUTED, strokeWidth=1.5, strokeDash=[2, 2])
    assert isinstance(panel.drawing, alt.LayerChart)
    return replace(panel, drawing=alt.layer(lines.encode(x=alt.X("at:Q")), *panel.drawing.layer))
