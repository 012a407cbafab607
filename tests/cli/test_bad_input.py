"""The table of bad input: words, exit code, what the line must contain; nothing half-written is left.

Exit codes: 2 whatever was given is wrong; 1 failed while running; 130 interrupted.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bad_files as bad
import numpy as np
import pytest
import torch
from tiny_words import TINY_AUDIT, TINY_NETWORK

import denoscope

SOURCE = str(Path(denoscope.__file__).parents[1])
TRAIN = f"train --data digits --images 64 {TINY_NETWORK} --batch 16 --kimg 0.032"
AUDIT = f"audit run {TINY_AUDIT} --out new"
MINE = f"{TINY_AUDIT} --data digits --split 64 --out new"
ABSENT_DEVICE = "mps" if torch.cuda.is_available() else "cuda"


class Row(NamedTuple):
    """words given -> exit code and a fragment of the one line; `prepare` makes what is wrong."""

    words: str
    code: int
    says: str
    prepare: Callable[[Path], None] | None = None


def gray(n: int = 4, side: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)


WORDS = [
    Row("adit run", 2, "audit"),
    Row("audit run --dta digits", 2, "--data"),
    Row("audit", 2, "MODEL"),
    Row("train --data digits --out new", 2, "--images"),
    Row(f"{AUDIT} --seed seven", 2, "--seed"),
    Row(f"{AUDIT} --seed -1", 2, "--seed"),
    Row(f"{AUDIT} --device gpu", 2, "--device"),
    Row(f"{AUDIT} --device {ABSENT_DEVICE}", 2, f"--device {ABSENT_DEVICE}"),
    Row(f"{AUDIT} --levels 0", 2, "--levels"),
    Row(f"{AUDIT} --pictures 1", 2, "--pictures"),
    Row(f"{AUDIT} --fail-on bad", 2, "choose from memorizing"),
    Row("sample run --out new --solver rk4", 2, "--solver"),
    Row("sample run --out new --seeds 5-", 2, "--seeds '5-'"),
    Row("sample run --out new --seeds 9-3", 2, "rises"),
    Row("sample run --out new --seeds a,b", 2, "--seeds 'a,b'"),
    Row("sample run --out new --with linear", 2, "gaussian, multi_delta"),
    Row("report", 2, "DIR"),
]
DATA = [
    Row("info digitz", 2, "digits"),
    Row("info nowhere/", 2, "no such file or folder"),
    Row("info hf:nobody", 2, "hf:owner/name"),
    Row("info data.csv", 2, "not a known kind", bad.file("data.csv", "1,2")),
    Row("info data", 2, "no picture in this folder", bad.file("data/notes.txt", "hello")),
    Row("info data", 2, "0.png", lambda place: bad.pictures(place, b"")),
    Row("info data", 2, "1.png", lambda place: bad.pictures(place, bad.png(), bad.png()[:90])),
    Row("info data", 2, "0.png", lambda place: bad.pictures(place, b"not a picture at all")),
    Row(
        "info data", 2, "different sizes", lambda place: bad.pictures(place, bad.png(), bad.png(9))
    ),
    Row("info data.zip", 2, "not a zip", bad.file("data.zip", "PK nothing")),
    Row("info data.zip", 2, "not a zip", bad.archive(("0.png", bad.png()), cut=30)),
    Row("info data.zip", 2, "no picture", bad.archive(("notes.txt", b"hello"))),
    Row("info data.zip", 2, "0.png", bad.damaged_zip),
    Row("info data.npz", 2, "cannot be read", bad.file("data.npz", b"")),
    Row("info data.npz", 2, "cannot be read", bad.npz(images=gray(), cut=40)),
    Row("info data.npz", 2, "which array", bad.npz(a=gray(), b=gray())),
    Row("info data.npz", 2, "float64", bad.npz(images=gray() / 255)),
    Row("info data.npz", 2, "data.npz", bad.npz(images=gray(0))),
    Row("info train-images-idx3-ubyte.gz", 2, "ends before picture 3", bad.idx(3, 9)),
    Row("info train-images-idx3-ubyte.gz", 2, "corrupt", bad.idx(900, 900, cut=20)),
    Row("info train-images-idx3-ubyte.gz", 2, "not an idx file", bad.idx(3, 3, magic=0x801)),
    Row("info train-images-idx3-ubyte.gz", 2, "no picture", bad.idx(0, 0)),
    Row("info digits --size 0", 2, "size"),
    Row("info digits --size -3", 2, "size"),
    Row("info digits --data mnist-5k", 2, "--data"),
]
TRAINING = [
    Row(f"{TRAIN} --out new --images 1798", 2, "give 1 to 1797"),
    Row(f"{TRAIN} --out new --images 0", 2, "give 1 to 1797"),
    Row(f"{TRAIN} --out new --images -5", 2, "give 1 to 1797"),
    Row(f"{TRAIN} --out new --split-seed -1", 2, "seed"),
    Row(f"{TRAIN} --out new --twin 3", 2, "--twin 3"),
    Row(f"{TRAIN} --out new --twin 1 --images 900", 2, "give 1 to 898"),
    Row(f"{TRAIN} --out new --arch resnet", 2, "--arch"),
    Row(f"{TRAIN} --out new --width 3", 2, "multiple of 4"),
    Row(f"{TRAIN} --out new --heads 2", 2, "--heads: ddpmpp has none"),
    Row(f"{TRAIN} --out new --preconditioning iddpm", 2, "--preconditioning"),
    Row(f"{TRAIN} --out new --preconditioning none", 2, "trained at one noise level: give it"),
    Row(
        f"{TRAIN} --out new --preconditioning ve --level 4",
        2,
        "--level: the preconditioning ve draws its levels itself",
    ),
    Row(f"{TRAIN} --out new --level 0", 2, "--level: Input should be greater than 0"),
    Row(f"{TRAIN} --out new --multipliers 1,two", 2, "--multipliers"),
    Row(f"{TRAIN} --out new --multipliers 1,1,1,1,1", 2, "a side of 8"),
    Row(f"{TRAIN} --out new --attention 5", 2, "attention"),
    Row(f"{TRAIN} --out new --dropout 2", 2, "--dropout"),
    Row(f"{TRAIN} --out new --batch 0", 2, "--batch"),
    Row(f"{TRAIN} --out new --kimg 0", 2, "--kimg"),
    Row(f"{TRAIN} --out new --lr -1", 2, "--lr"),
    Row(f"{TRAIN} --out new --snapshots-kimg 0.01,5", 2, "snapshots at [5.0]"),
    Row(f"{TRAIN} --out new --tracker mlflow", 2, "--tracker"),
    Row(f"{TRAIN} --out new --stop-when overfitting", 2, "--stop-when"),
    Row(f"{TRAIN} --out new --images 1797 --stop-when memorizing", 2, "0 held-out pictures"),
    Row(f"{TRAIN} --out run --resume --stop-when memorizing", 2, "started without --stop-when"),
    Row(
        f"{TRAIN} --out run --resume --stop-when memorizing",
        2,
        "watch.json cannot be read",
        bad.file("run/watch.json", "{"),
    ),
    Row(f"{TRAIN} --out run --resume", 2, "add --stop-when", bad.file("run/watch.json", "{}")),
    Row(f"{TRAIN} --out run", 2, "--resume"),
    Row(f"{TRAIN} --out run --resume --lr 0.5", 2, "learning_rate"),
    Row(f"{TRAIN} --out run --resume --split-seed 4", 2, "data"),
    Row(f"{TRAIN} --out run --resume", 2, "run.json", bad.file("run/run.json", "{")),
    Row(
        f"{TRAIN} --out run --resume --kimg 0.1",
        2,
        "state",
        bad.cut("run/resume/state.safetensors", 99),
    ),
    Row(f"{TRAIN} --out data", 2, "data", bad.file("data/mine.txt")),
    Row(f"{TRAIN} --out a.txt", 2, "a.txt", bad.file("a.txt")),
    Row(f"{TRAIN} --out a.txt/new", 2, "a.txt", bad.file("a.txt")),
    Row(f"{TRAIN} --out /proc/denoscope", 2, "/proc/denoscope"),
]
MODELS = [
    Row("audit nothing --out new", 2, "no model at 'nothing'"),
    Row("audit bundled:nobody --out new", 2, "nobody"),
    Row("audit data --out new", 2, "not a run", bad.file("data/0.png", bad.png())),
    Row("audit absent_module:open_model --out new", 2, "absent_module"),
    Row(f"audit bad_syntax:open_model {MINE}", 2, "bad_syntax", bad.file("bad_syntax.py", "def (")),
    Row(f"audit no_such:missing {MINE}", 2, "missing", bad.model("return x", "no_such")),
    Row(f"audit breaks:broken {MINE}", 2, "no weights here", bad.model("return x", "breaks")),
    Row(
        f"audit gives_three:number {MINE}",
        2,
        "not a denoiser",
        bad.model("return x", "gives_three"),
    ),
    Row(f"audit narrow:open_model {MINE}", 2, "shape", bad.model("return x[..., :4]", "narrow")),
    Row(
        f"audit nans:open_model {MINE}", 1, "not finite", bad.model("return x * torch.nan", "nans")
    ),
    Row("sample nans2:open_model --out new", 1, "NaN", bad.model("return x / 0", "nans2")),
    Row(f"audit raises:open_model {MINE}", 1, "KeyError", bad.model("return {}['x']", "raises")),
    Row(
        f"audit large:open_model {MINE}",
        1,
        "out of memory",
        bad.model("torch.empty(1 << 60)", "large"),
    ),
    Row(AUDIT, 2, "not a whole safetensors file", bad.cut("run/weights.safetensors", 500)),
    Row(AUDIT, 2, "not a whole safetensors file", bad.cut("run/weights.safetensors", 0)),
    Row(AUDIT, 2, "not finite", bad.weights(bad.nan_weights)),
    Row(AUDIT, 2, "does not fit the network", bad.weights(bad.other_weights)),
    Row(AUDIT, 2, "run.json", bad.file("run/run.json", "{not json")),
    Row(AUDIT, 2, "run.json", bad.file("run/run.json", b"\xff\xfe\x00")),
    Row(AUDIT, 2, "run.json", bad.remove("run/run.json")),
    Row(AUDIT, 2, "schema 99", bad.edit("run/run.json", schema_version=99)),
    Row(AUDIT, 2, "run.json", bad.edit("run/run.json", unheard_of=1)),
    Row(AUDIT, 2, "no finished weights", bad.remove("run/weights.safetensors")),
    Row("sample run --out new", 2, "no finished weights", bad.remove("run/weights.safetensors")),
    Row("info run", 2, "not finite", bad.weights(bad.nan_weights)),
]
PICTURES_OF_A_MODEL = [
    Row(f"{AUDIT} --split 32", 2, "--split 32 contradicts"),
    Row(f"{AUDIT} --split-seed 5", 2, "--split-seed 5 contradicts"),
    Row(f"{AUDIT} --size 16", 2, "--size 16 contradicts"),
    Row(f"{AUDIT} --held-out digits", 2, "--held-out contradicts"),
    Row(f"{AUDIT} --data mnist-5k", 2, "the model takes (1, 8, 8)"),
    Row(f"{AUDIT} --data data.npz", 2, "was trained on", bad.npz(images=gray(200))),
    Row(AUDIT, 2, "give --data", bad.edit("run/run.json", data__where="/gone/away")),
    Row(
        f"audit plain1:open_model {TINY_AUDIT} --out new",
        2,
        "--data",
        bad.model("return x", "plain1"),
    ),
    Row(
        f"audit plain2:open_model {MINE} --held-out digits",
        2,
        "one of them",
        bad.model("return x", "plain2"),
    ),
    Row(
        "audit plain3:f --data digits --split-seed 1", 2, "--split", bad.model("return x", "plain3")
    ),
    Row("audit plain4:f --data mnist-5k", 2, "add --size 8", bad.model("return x", "plain4")),
    Row(
        "audit plain5:f --data digits --held-out mnist-5k",
        2,
        "--size 8",
        bad.model("return x", "plain5"),
    ),
    Row("audit plain6:f --data digits --split 9999", 2, "1797", bad.model("return x", "plain6")),
    Row("audit plain7:f --data digits --split 1", 2, "2 or more", bad.model("return x", "plain7")),
]
OUTPUT = [
    Row("audit run --out data", 2, "no audit", bad.file("data/mine.txt")),
    Row("audit run --out data --overwrite", 2, "no audit", bad.file("data/mine.txt")),
    Row("audit run --out audit", 2, "overwrite"),
    Row("audit run --out audit --overwrite", 2, "mine.txt", bad.file("audit/mine.txt")),
    Row("audit run --out a.txt", 2, "is a file", bad.file("a.txt")),
    Row("audit run --out a.txt/new", 2, "a.txt", bad.file("a.txt")),
    Row("audit run --out /proc/denoscope", 2, "/proc"),
    Row("sample run --out audit", 2, "holds something"),
    Row("sample run --out a.txt", 2, "is a file", bad.file("a.txt")),
    Row("sample run --out a.txt/new", 2, "a.txt", bad.file("a.txt")),
    Row("sample run --out /proc/denoscope", 2, "/proc"),
    Row("demo --out a.txt", 2, "a.txt", bad.file("a.txt")),
    Row("compare audit", 2, "1 audit given"),
    Row("compare", 2, "DIR"),
    Row("compare audit nowhere", 2, "nowhere is no folder"),
    Row("compare audit run", 2, "run holds no summary.json"),
    Row("compare audit audit --out run", 2, "holds something already"),
    Row("compare audit audit --out a.txt", 2, "is a file", bad.file("a.txt")),
    Row("compare audit audit --out /proc/denoscope", 2, "/proc"),
    Row("compare audit audit", 2, "values.parquet", bad.cut("audit/values.parquet", 100)),
    Row("report nowhere", 2, "no folder"),
    Row("report run", 2, "no audit"),
    Row("report audit", 2, "measurements.parquet", bad.cut("audit/measurements.parquet", 200)),
    Row("report audit", 2, "samples.parquet", bad.remove("audit/samples.parquet")),
    Row("report audit", 2, "pictures.npz", bad.cut("audit/pictures.npz", 100)),
    Row("report audit", 2, "summary.json", bad.file("audit/summary.json", "{")),
    Row("report audit", 2, "schema_version 99", bad.edit("audit/summary.json", schema_version=99)),
    Row("report audit", 2, "verdict", bad.edit("audit/summary.json", verdict__label="fine")),
]
TABLE = [*WORDS, *DATA, *TRAINING, *MODELS, *PICTURES_OF_A_MODEL, *OUTPUT]


def contents(place: Path) -> dict[str, int]:
    """Every file and folder below, with sizes; Python's own caches aside."""
    return {
        str(path.relative_to(place)): path.stat().st_size if path.is_file() else -1
        for path in sorted(place.rglob("*"))
        if "__pycache__" not in path.parts
    }


def check_line(err: str, says: str) -> None:
    assert err.startswith("denoscope: "), err
    assert err.endswith("\n"), err
    assert err.count("\n") == 1, f"more than one line: {err}"
    assert "Traceback" not in err
    assert says in err


def test_the_table_is_long_enough():
    assert len(TABLE) >= 40
    assert len({(row.words, row.says, id(row.prepare)) for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.words.split()[0]}-{row.says}"[:50])
def test_bad_input(row, place, say):
    if row.prepare is not None:
        row.prepare(place)
    before = contents(place)
    said = say(row.words)
    check_line(said.err, row.says)
    assert said.code == row.code
    assert said.out == ""
    assert contents(place) == before, "something was left behind"


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """As on a full disk: writing a file beyond `size` bytes fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "words",
    [
        f"audit run {TINY_AUDIT} --out new",
        f"audit run {TINY_AUDIT} --out audit --overwrite",
        "report audit",
        "sample run --out new --levels 2 --seeds 0-3",
    ],
)
def test_full_disk_is_a_failure_that_leaves_nothing(words, place, say):
    before = contents(place)
    with no_file_above(1000):
        said = say(words)
    check_line(said.err, "")
    assert said.code == 1
    assert contents(place) == before


def test_full_disk_in_training_leaves_a_run_that_resumes(place, say):
    with no_file_above(4000):
        said = say(f"{TRAIN} --out new")
    check_line(said.err, "new")
    assert said.code == 1
    assert not [name for name in contents(place / "new") if "partial" in name]
    assert say(f"{TRAIN} --out new --resume").code == 0


@pytest.mark.parametrize("verb", ["audit", "sample"])
def test_interrupt_leaves_nothing(verb, place, say):
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores it
    try:
        _interrupted_verb_leaves_nothing(verb, place, say)
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted_verb_leaves_nothing(verb, place, say):
    bad.model("os.kill(os.getpid(), signal.SIGINT); return x", f"stops_{verb}")(place)
    before = contents(place)
    extra = MINE if verb == "audit" else "--out new"
    said = say(f"{verb} stops_{verb}:open_model {extra}")
    check_line(said.err, "interrupted")
    assert said.code == 130
    assert contents(place) == before


def test_termination_is_an_interruption(place, say):
    bad.model("os.kill(os.getpid(), signal.SIGTERM); return x", "stops_term")(place)
    assert say(f"audit stops_term:open_model {MINE}").code == 130
    assert not (place / "new").exists()


def test_interrupted_training_resumes(place, say):
    words = [sys.executable, "-m", "denoscope", *TRAIN.split(), "--kimg", "1000", "--out", "new"]
    process = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # else inherited ignored
    )
    while not (place / "new" / "run.json").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    check_line(err, "interrupted")
    assert process.returncode == 130
    assert out == ""
    assert not [name for name in contents(place / "new") if "partial" in name]


def test_debug_shows_the_traceback(place, say):
    said = say("audit nothing --out new --debug")
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("denoscope: ")
