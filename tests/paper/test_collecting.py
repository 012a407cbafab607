"""Tables that can be kept: what an earlier run left there stays, unless it was done anew."""

import json

import polars as pl
import pytest

from denoscope.errors import InputError
from denoscope.paper import FIGURES
from denoscope.paper.presets import PRESETS
from denoscope.paper.reproduce import CLAIMS, Reproduction
from paper.synthetic import fill

QUICK = PRESETS["quick"]


def reproduction(out, *names, agrees):
    """A reproduction of some figures, as if its tasks had run."""
    work = Reproduction(QUICK, [FIGURES[name] for name in names], out)
    for figure in work.figures:
        fill(work.store, figure.needs(work.cells()), agrees=agrees)
    work.save_claims(work.claims())
    return work


def states(folder):
    return {
        row["figure"]: row["state"] for row in json.loads((folder / CLAIMS).read_text())["claims"]
    }


def cells(folder):
    return set(pl.read_parquet(folder / "measurements.parquet")["cell"])


def test_what_is_not_done_anew_stays(tmp_path):
    kept = tmp_path / "kept"
    reproduction(tmp_path / "one", "fig1", "fig16", agrees=True).collect(kept)
    first = cells(kept)
    reproduction(tmp_path / "two", "fig1", agrees=False).collect(kept)
    assert cells(kept) == first
    assert states(kept) == {1: "does not hold", 16: "holds"}
    named = json.loads((kept / "cells.json").read_text())["cells"]
    assert first <= set(named)
    score = pl.read_parquet(kept / "measurements.parquet").filter(
        pl.col("cell").str.starts_with("linearity"), metric="linearity_cosine", denoiser="network"
    )
    assert 1 - score["mean"].max() > 0.01  # the second run's, not the first's beside it


def test_a_claim_whose_tables_are_not_all_there_is_not_kept(tmp_path):
    kept = tmp_path / "kept"
    work = reproduction(tmp_path / "one", "fig1", "fig16", agrees=True)
    work.collect(kept)
    content = json.loads((kept / "cells.json").read_text())
    gone = next(name for name in content["cells"] if name.startswith("audit/"))
    del content["cells"][gone]
    (kept / "cells.json").write_text(json.dumps(content))
    reproduction(tmp_path / "two", "fig1", agrees=True).collect(kept)
    assert states(kept) == {1: "holds"}


@pytest.mark.parametrize(
    ("content", "words"),
    [('{"preset": "gpu", "cells": {}}', "is of preset gpu"), ("[", "does not read")],
)
def test_a_folder_of_something_else_is_refused_and_stays(content, words, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "cells.json").write_text(content)
    with pytest.raises(InputError, match=words):
        reproduction(tmp_path / "one", "fig16", agrees=True).collect(kept)
    assert (kept / "cells.json").read_text() == content
    assert [path.name for path in kept.iterdir()] == ["cells.json"]
