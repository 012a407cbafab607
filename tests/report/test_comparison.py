import polars as pl
import pytest

from denoscope.report import write_comparison
from denoscope.report.comparison import audit_styles, comparison_charts
from denoscope.report.comparison_rows import difference_rows, headline_rows, sample_rows
from denoscope.tables import COMPARISON, compare_audits
from synthetic_audit import synthetic_audit


@pytest.fixture(scope="module")
def audits():
    kinds = {"new": "generalizing", "old": "memorizing", "<third>": "memorizing"}
    return {name: synthetic_audit(kind, pictures=False) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def found(audits):
    return compare_audits(audits)


def test_rows_of_the_tables(audits, found):
    head = headline_rows({name: one.summary for name, one in audits.items()})
    assert head[0] == ("", "new", "old", "<third>")
    assert ("verdict", "generalizing", "memorizing", "memorizing") in head
    assert all(len(row) == 4 for row in head)
    rows = difference_rows(found, "old")
    assert rows[0][:3] == ("sigma", "error, train", "error, held out")
    assert [row[0] for row in rows[1:3]] == ["80", "42.4"]
    assert len(rows) == 11
    table = found.table.filter(audit="old", metric="rmse", denoiser="network", inputs="held_out")
    row = table.filter(pl.col("sigma") == 80.0).row(0, named=True)
    assert row["paired"]
    sign = "+" if row["difference"] > 0 else "−"
    assert rows[1][2].startswith(sign)
    assert " ± " in rows[1][2]
    assert not rows[1][2].endswith("u")
    assert [line[0] for line in sample_rows(found)] == ["", "old", "<third>"]


def test_a_chart_has_every_audit_and_its_difference(audits, found):
    charts = {chart.name: chart for chart in comparison_charts(audits, found)}
    assert {"rmse", "rmse-difference", "linearity-cosine", "score-error-gaussian"} <= set(charts)
    assert [style.name for style in charts["rmse"].styles] == ["new", "old", "<third>"]
    assert [style.name for style in charts["rmse-difference"].styles] == ["old", "<third>"]


def test_lines_can_be_told_apart():
    styles = audit_styles(tuple(f"audit {i}" for i in range(20))).values()
    assert len({(style.colour, style.dash) for style in styles}) == 20


def test_without_held_out_inputs_and_samples_less_is_drawn(audits):
    bare = {
        name: synthetic_audit("memorizing", held_out=False, samples=False, pictures=False)
        for name in ("a", "b")
    }
    found = compare_audits(bare)
    assert sample_rows(found) == []
    assert "error, held out" not in difference_rows(found, "b")[0]
    assert all(chart.panels for chart in comparison_charts(bare, found))


def test_what_is_written(tmp_path, audits, found):
    page = write_comparison(tmp_path, audits, found)
    text = page.read_text()
    assert page == tmp_path / "compare.html"
    assert "&lt;third&gt;" in text
    assert "<third>" not in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "").split("base64,")[0]
    table = pl.read_parquet(tmp_path / "compare.parquet")
    assert dict(table.schema) == dict(COMPARISON)
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".svg", ".png"}
