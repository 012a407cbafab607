"""A study of four tiny networks on digits, swept by the command line in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

import denoscope

SOURCE = Path(denoscope.__file__).parents[1]
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
kimg = {kimg}
batch = 16
[[axes]]
images = [16, 64]
kimg = [0.25, {kimg}]
[[axes]]
images = [16]
widths = [8]
twins = true
[audit]
pictures = 6
samples = 4
levels = 3
"""
TASKS = 4 + 6


def study(folder, kimg=0.5):
    path = folder / "study.toml"
    path.write_text(STUDY.format(kimg=kimg))
    return path


def sweep(path, out, *words):
    """A process of `denoscope sweep`; its words, one line an end of a task, are in `stdout`.

    One worker a core, and so one thread a worker: the last digits of sums depend on the threads.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "denoscope", "sweep", str(path), "--out", str(out), *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def to_the_end(process):
    """Its lines. Fails where it does."""
    said, _ = process.communicate(timeout=1200)
    assert process.returncode == 0, said
    return said.splitlines()


def tables(out):
    """Every table and all weights of a study, as bytes by name."""
    files = [out / "measurements.parquet", out / "verdicts.json"]
    for pattern in ("audit/*/*.parquet", "audit/*/pictures.npz", "train/*/weights.safetensors"):
        files += sorted(out.glob(pattern))
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def assert_same(one, two):
    first, second = tables(one), tables(two)
    assert first.keys() == second.keys()
    assert len(first) == 2 + 6 * 4 + 4
    different = [name for name in first if first[name] != second[name]]
    assert not different


def assert_nothing_half(out):
    left = [path for kind in ("audit", "train") for path in (out / kind / ".writing").glob("*")]
    assert not left
    # What a killed training needed to go on stays as it was, once the weights are there.
    left = [str(path) for path in out.rglob("*.partial") if path.parent.name != "resume"]
    assert not left
    assert not list(out.rglob(".failed"))  # a kill is no failure
