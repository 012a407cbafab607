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
    said = say("reproduce fig1 --preset paper --dry-run")
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
    said = say("reproduce fig3 --preset quick --out out")
    assert said.code == 2
    assert "holds the claims of preset cpu: give another --out for quick" in said.err
    assert (tmp_path / "out" / "claims.json").read_text() == text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["claims.json"]


@pytest.mark.slow
def test_the_whole_quick_preset(say, tmp_path):
    """All thirty figures measured, drawn and judged on real digits; asked again, nothing is done twice."""
    words = "reproduce all --preset quick --out out --tables kept --json"
    said = say(words)
    assert said.code == 0, said.err
    claims = {row["figure"]: row for row in json.loads(said.out)["claims"]}
    assert sorted(claims) == list(range(1, 31))
    states = {number: row["state"] for number, row in claims.items()}
    assert "not run" not in states.values(), states
    assert states[15] == states[16] == "holds"  # whatever the length of training
    drawn = {path.name[:6] for path in (tmp_path / "out" / "figures").glob("fig-*.png")}
    assert len(drawn) == 30
    tables = (tmp_path / "kept" / "measurements.parquet").read_bytes()
    again = say(words)
    assert json.loads(again.out)["claims"] == json.loads(said.out)["claims"]
    assert (tmp_path / "kept" / "measurements.parquet").read_bytes() == tables
