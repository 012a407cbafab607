from denoscope.report import looks_chart
from denoscope.report.print import print_chart
from denoscope.tables import Look, Reason, Verdict, WatchRecord


def record_of(*gaps, label="generalizing"):
    def look(place, gap):
        name = "transitional" if gap > 0.5 else label
        reasons = [
            Reason(signal="levels", vote="undertrained", text="", value=0.7),
            Reason(
                signal="gap", vote="generalizing", text="", value=gap, low=gap - 1, high=gap + 1
            ),
            Reason(signal="copies", vote="generalizing", text="", value=0.0),
        ]
        verdict = Verdict(label=name, confidence=0.9, reasons=reasons)
        return Look(seen=1000 * 2**place, verdict=verdict)

    return WatchRecord(seed=0, looks=tuple(look(i, gap) for i, gap in enumerate(gaps)))


def values(panel):
    """Every list of rows that a panel is drawn from."""
    return [
        layer["data"]["values"] for layer in panel.drawing.to_dict()["layer"] if "data" in layer
    ]


def test_a_panel_a_training_with_marks_at_the_stop():
    chart = looks_chart({"stopped": record_of(-3.0, 0.2, 0.7), "went on": record_of(0.1, 0.2)})
    stopped, went_on = chart.panels
    assert (stopped.caption, went_on.caption) == ("stopped", "went on")
    assert values(stopped)[0] == [{"at": 2.0}, {"at": 4.0}]
    assert not any("at" in row and row["at"] > 1 for rows in values(went_on) for row in rows)
    drawn = [row for rows in values(stopped) for row in rows if row.get("series") == "Gap"]
    assert min(row["mean"] for row in drawn) == -0.5
    assert {row["x"] for row in drawn} == {1.0, 2.0, 4.0}
    assert b"<svg" in print_chart(chart)["svg"]


def test_without_looks_nothing_is_drawn():
    assert looks_chart({"new": WatchRecord(seed=0)}).panels == ()
    assert looks_chart({}).panels == ()
