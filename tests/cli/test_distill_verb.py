"""`denoscope distill`: what it writes and says, and that one killed goes on to the same result."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

import denoscope
from denoscope.checkpoints import open_denoiser

TINY = "--images 60 --budget 100 --levels 3"
PIECES = {"distillation.json", "linear.safetensors", "measurements.parquet"}


def test_a_run_brings_its_pictures(place, say):
    said = say(f"distill run {TINY} --out new")
    assert said.code == 0
    assert said.err == ""
    assert {path.name for path in (place / "new").iterdir()} == PIECES
    lines = said.out.splitlines()
    assert lines[0].split()[:4] == ["sigma", "linear", "se", "gaussian"]
    assert [line.split()[0] for line in lines[1:4]] == ["80", "2.515", "0.002"]
    assert lines[-1] == f"folder: {place / 'new'}"
    table = pl.read_parquet(place / "new" / "measurements.parquet")
    assert set(table["inputs"]) == {"held_out"}
    assert table.filter(metric="distillation_evaluations")["mean"].to_list() == [100.0] * 3
    told = json.loads((place / "new" / "distillation.json").read_text())
    assert told["asked"]["pictures"] == {"fit": 42, "validation": 6, "score": 12}


def test_the_same_words_are_done_and_others_refused(place, say):
    first = json.loads(say(f"distill run {TINY} --out new --json").out)
    written = (place / "new" / "linear.safetensors").stat().st_mtime_ns
    assert json.loads(say(f"distill run {TINY} --out new --json").out) == first
    assert (place / "new" / "linear.safetensors").stat().st_mtime_ns == written
    said = say(f"distill run {TINY} --seed 1 --out new")
    assert said.code == 2
    assert "holds a distillation of another" in said.err
    assert say(f"distill run {TINY} --out audit").code == 2


def test_what_it_made_is_a_model(place, say):
    say(f"distill run {TINY} --out new --quiet")
    assert open_denoiser(place / "new").spec.levels.tolist() == pytest.approx(
        [80, 2.515, 0.002], rel=1e-3
    )
    assert "linear distillation" in say("info new").out
    said = say("sample new --levels 3 --seeds 0-1 --out drawn")
    assert said.code == 0, said.err


@pytest.mark.parametrize("inputs", ["train", "noise"])
def test_other_inputs_are_named_in_the_table(place, say, inputs):
    assert say(f"distill run --levels 1 --budget 700 --inputs {inputs} --out new").code == 0
    table = pl.read_parquet(place / "new" / "measurements.parquet")
    assert set(table["inputs"]) == {inputs}
    asked = json.loads((place / "new" / "distillation.json").read_text())["asked"]
    shared = len(set(asked["fingerprints"].values())) == 1
    assert shared == (inputs == "train")  # all 64 training pictures are the law


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("run --out run", "no distillation: give a new or empty folder"),
        ("run --images 60 --budget 9 --levels 1 --out new", "give 10 or more"),
        ("run --images 9 --out new", "--images"),
        ("run --inputs other --out new", "--inputs"),
        ("factory_for_distill:open_model --data digits --out new", "no held-out pictures"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(place, say, words, says):
    (place / "factory_for_distill.py").write_text(
        "from denoscope import FunctionDenoiser, Spec\n"
        "def open_model():\n"
        "    return FunctionDenoiser(lambda x, s: x, Spec('mine', (1, 8, 8), 0.002, 80.0))\n"
    )
    said = say(f"distill {words}")
    assert said.code == 2, said
    assert says in said.err
    assert said.err.count("\n") == 1


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same(place, say):
    words = "distill run --images 300 --budget 900 --levels 6 --quiet"
    assert say(f"{words} --out unbroken").code == 0
    command = [sys.executable, "-m", "denoscope", *words.split(), "--out", "broken"]
    source = str(Path(denoscope.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    levels, kills = place / "broken" / "levels", 0
    for wanted in (1, 2, 4):
        running = subprocess.Popen(command, env=environment)
        while running.poll() is None and len(list(levels.glob("*.safetensors"))) < wanted:
            time.sleep(0.002)
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            kills += 1
        running.wait()
    assert kills >= 2
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    one, two = (load_file(place / name / "linear.safetensors") for name in ("unbroken", "broken"))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-5, atol=1e-7)
    tables = [pl.read_parquet(place / n / "measurements.parquet") for n in ("unbroken", "broken")]
    assert tables[0].drop("mean", "se").equals(tables[1].drop("mean", "se"))
    assert not levels.exists()
