"""The benchmark of Jacobian spectra on digits: what it judges by, what it keeps, what it never does twice."""

import json
import sys
from pathlib import Path

import pytest
import torch

from denoscope.closed_form import MultiDeltaDenoiser

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def jacobian(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import jacobian

    monkeypatch.setattr(jacobian, "K", 4)
    return jacobian


def test_a_level_is_judged_against_the_whole_matrix(jacobian, few_digits):
    delta = MultiDeltaDenoiser(few_digits[0])
    row = jacobian.of_level(delta, few_digits[1].floats([0]), 1.0)
    assert row["converged"]
    assert row["value_error"] < 1e-4
    assert row["residual"] < 1e-4
    assert row["angle"] < 1e-3
    assert row["svds"]["value_error"] < 1e-4
    assert row["holds"] == (row["time_ratio"] < jacobian.TIME)


def test_in_part_it_is_judged_by_products_in_float64(jacobian, few_digits, monkeypatch):
    delta, x = MultiDeltaDenoiser(few_digits[0]), few_digits[1].floats([0])
    whole = jacobian.of_level(delta, x, 1.0)
    monkeypatch.setattr(jacobian, "MOST", 16)
    monkeypatch.setattr(jacobian, "PART", 32)
    part = jacobian.of_level(delta, x, 1.0)
    assert (whole["extrapolated"], part["extrapolated"]) == (False, True)
    for name in ("value_error", "residual"):
        assert part[name] < 1e-4
    assert part["angle"] < 1e-3
    assert part["largest"] == pytest.approx(whole["largest"], rel=1e-5)
    assert torch.equal(jacobian.whole(delta, x, 1.0, 32), jacobian.whole(delta, x, 1.0)[:32])


def test_the_page_says_what_was_kept(jacobian):
    files = (BENCHMARKS / "results").glob("jacobian-*.json")
    found = sorted((json.loads(f.read_text()) for f in files), key=lambda one: one["model"]["d"])
    block = jacobian.PAGE.read_text().partition("<!-- BEGIN jacobian -->")[2]
    block = block.partition("<!-- END jacobian -->")[0].strip()
    assert block == jacobian.page_text(found).strip()


def test_wrong_triplets_do_not_hold(jacobian, few_digits):
    x = few_digits[1].floats([0])
    delta = MultiDeltaDenoiser(few_digits[0])
    fit = jacobian.jacobian_svd(jacobian.Jacobian(delta, x, 1.0), 4)
    u, s, vh = torch.linalg.svd(jacobian.whole(delta, x, 1.0).double())
    right = jacobian.accuracy(fit, u, s, vh.T)
    wrong = jacobian.accuracy(fit, u.flip(0), 1.01 * s, vh.T)
    assert right["angle"] < 1e-3 < wrong["angle"]
    assert wrong["value_error"] > 5e-3
    told = {"converged": True, "residual": 0.0, "time_ratio": 0.01}
    assert jacobian.holds({**right, **told})
    assert not jacobian.holds({**wrong, **told})


def test_a_level_that_is_there_is_not_done_again(jacobian, tmp_path, monkeypatch, capsys):
    words = ["jacobian.py", "--run", "bundled:mnist-64", "--levels", "2", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    jacobian.main()
    path = tmp_path / "jacobian-mnist-64.json"
    before = path.read_bytes()
    assert [row["sigma"] for row in json.loads(before)["rows"]] == [2.0]
    first = capsys.readouterr().out
    monkeypatch.setattr(jacobian, "of_level", None)
    jacobian.main()
    assert path.read_bytes() == before
    assert capsys.readouterr().out == first
