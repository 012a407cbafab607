"""`denoscope reproduce`: the plan, what is refused, and the whole quick preset."""

import json

import pytest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_plan_writes_nothing(say, tmp_path):
    said = say("reproduce fig16 --preset quick --dry-run")
    assert said.code == 0
    assert "preset quick: digits at 1x8x8" in said.out
    assert "about" in said.out
    assert list(tmp_path.iterdir()) == []
    plan = json.loads(say("reproduce fig16 --preset quick --dry-run --json").out)["plan"]
    kinds = {row["kind"]: row for row in plan}
    assert kinds["train"]["tasks"] == kinds["train"]["missing"] > 3
    assert kinds["audit"]["seconds"] > 0


def test_the_papers_own_sizes_are_counted_without_their_data(say):
    said = say("reproduce all --preset paper --dry-run")
    assert said.code == 0
    assert "the data are not at hand" in said.out
    assert "70,246 thousand pictures a training" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("fig31", "figure 'fig31' is unknown: give fig1 to fig30, all, or traps alone"),
        ("fig1 --size 8", "--size goes with --data"),
        ("fig1 --data digits --preset gpu", "digits has 1797 pictures, the preset gpu needs"),
        ("fig1 --engine ray --workers 2", "--workers is for the local engine"),
        ("fig1 --preset huge", "huge"),
    ],
)
def test_what_is_refused(say, tmp_path, words, told):
    said = say(f"reproduce {words}")
    assert said.code == 2
    assert told in said.err
    assert list(tmp_path.iterdir()) == []


def test_claims_of_another_preset_are_not_mixed(say, tmp_path):
    (tmp_path / "out").mkdir()
    text = '{"schema_version": 1, "preset": "cpu", "claims": []}'
    (tmp_path / "out" / "claims.json").write_text(text)
    said = say("reproduce fig3 --preset quick --out out --dry-run")
    assert said.code in (0, 2)
    assert (tmp_path / "out" / "claims.json").read_text() == text


@pytest.mark.slow
def test_quick_runs_whole(say, tmp_path):
    said = say("reproduce all --preset quick --out out --tables kept --workers 1 --json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert [claim["figure"] for claim in result["claims"]] == list(range(1, 31))
    assert all(claim["state"] != "not run" for claim in result["claims"])
    assert all(claim["measured"] for claim in result["claims"])
    assert all(claim["reason"] for claim in result["claims"] if claim["state"] != "holds")
    states = {claim["figure"]: claim["state"] for claim in result["claims"]}
    # Of theorems, or nearly: no size of the experiment excuses these.
    assert states[3] == states[16] == "holds"
    assert result["left"] == 0
    drawn = {path.name.split("-")[1] for path in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {f"{number:02}" for number in range(1, 31)}
    assert {"claims.json", "cells.json", "measurements.parquet", "figures"} == {
        path.name for path in (tmp_path / "kept").iterdir()
    }
    again = say("reproduce all --preset quick --out out --json")
    assert json.loads(again.out)["claims"] == result["claims"]
