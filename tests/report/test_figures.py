import dataclasses
from xml.etree import ElementTree

import polars as pl

from denoscope.report import write_figures
from denoscope.tables import write_audit
from synthetic_audit import synthetic_audit


def test_figures_are_vector_files_with_the_chart_s_words(tmp_path):
    tables = synthetic_audit()
    rows = tables.measurements.filter(pl.col("metric").is_in(["score_error", "effective_pictures"]))
    few = dataclasses.replace(tables, measurements=rows, samples=[], pictures={})
    folder = write_audit(tmp_path / "audit", few)
    written = write_figures(folder)
    assert [path.name for path in written] == [
        "distance-to-closed-forms.svg",
        "distance-to-closed-forms.pdf",
        "effective-pictures.svg",
        "effective-pictures.pdf",
    ]
    assert {path.parent for path in written} == {folder / "figures"}
    text = " ".join(ElementTree.parse(written[0]).getroot().itertext())
    for words in ("How far the network is", "Network to Gaussian", "Noisy held-out", "noise level"):
        assert words in text
    assert "NaN" not in written[0].read_text()
    assert written[1].read_bytes().startswith(b"%PDF-")
