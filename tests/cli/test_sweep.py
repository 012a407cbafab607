"""`denoscope sweep`: the plan, the run in this process, the verdicts, and what a failure says."""

import json

import pytest

from denoscope.cli.sweep_job import SweepJob
from denoscope.sweeps import TrainTask
from denoscope.sweeps.here import HereEngine

STUDY = """
[data]
where = "digits"
[network]
width = 4
multipliers = [1]
blocks = 1
attention = []
dropout = 0.0
[training]
kimg = 0.032
batch = 16
[[axes]]
images = [16, 32]
[audit]
pictures = 6
samples = 4
levels = 3
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SweepJob, "_engine", lambda job: HereEngine(job.cells))
    (tmp_path / "mine.toml").write_text(STUDY)
    return tmp_path / "mine.toml"


def test_the_plan_writes_nothing(say, study):
    said = say("sweep mine.toml --dry-run")
    assert said.code == 0
    assert said.out.count("to do") == 4
    assert "4 tasks to run, about" in said.out
    assert [path.name for path in study.parent.iterdir()] == ["mine.toml"]
    plan = json.loads(say("sweep mine.toml --dry-run --json").out)
    assert [task["state"] for task in plan["tasks"]] == ["to do"] * 4
    assert plan["out"] == str(study.parent / "sweeps" / "mine")


def test_a_sweep_and_what_it_says(say, study):
    said = say("sweep mine.toml --out out")
    assert said.code == 0
    assert said.err == ""
    assert said.out.count("] done ") == 4
    out = study.parent / "out"
    assert (out / "study.toml").read_text() == STUDY
    heading = next(line for line in said.out.splitlines() if line.startswith("cell"))
    for word in ("N", "width", "arch", "kimg", "seed", "verdict", "copies", "to Gaussian"):
        assert word in heading
    before = (out / "measurements.parquet").read_bytes()
    again = say("sweep mine.toml --out out --json")
    assert again.code == 0
    result = json.loads(again.out)
    assert [(cell["n"], cell["width"]) for cell in result["cells"]] == [(16, 4), (32, 4)]
    assert result["failed"] == {}
    assert (out / "measurements.parquet").read_bytes() == before
    shared = say("sweep mine.toml --out other --store out --dry-run")
    assert "nothing to do" in shared.out


def test_a_failure_is_told_and_the_rest_is_kept(say, study, monkeypatch):
    whole = TrainTask.run

    def run(task, store, report):
        if task.data.n == 16:
            raise ZeroDivisionError("by design")
        whole(task, store, report)

    monkeypatch.setattr(TrainTask, "run", run)
    said = say("sweep mine.toml --out out")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "2 of 4 tasks did not end" in said.err
    assert "ZeroDivisionError: by design" in said.err
    content = json.loads((study.parent / "out" / "verdicts.json").read_text())
    assert [cell["n"] for cell in content["cells"]] == [32]
    assert len(content["missing"]) == 1


def test_wrong_words_are_refused_before_any_work(say, study):
    assert say("sweep none.toml").code == 2
    (study.parent / "full").mkdir()
    (study.parent / "full" / "mine").write_text("")
    said = say("sweep mine.toml --out full")
    assert said.code == 2
    assert "is no study" in said.err
    study.write_text(STUDY.replace("kimg =", "kmig ="))
    said = say("sweep mine.toml")
    assert said.code == 2
    assert "did you mean kimg?" in said.err
    assert not (study.parent / "sweeps").exists()
