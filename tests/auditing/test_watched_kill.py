"""A watched run killed with -9 and resumed, again and again: the same looks, decision and weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import denoscope

SOURCE = Path(denoscope.__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_kill_and_resume_decides_as_unbroken(tmp_path, seed):
    driver = Path(__file__).with_name("killed_watch.py")
    done = subprocess.run(
        [sys.executable, str(driver), str(tmp_path), str(seed)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[1]) >= 5
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    names = {p.relative_to(unbroken) for p in unbroken.rglob("*") if p.is_file()}
    assert {p.relative_to(broken) for p in broken.rglob("*") if p.is_file()} == names
    for name in ("watch.json", "weights.safetensors", "snapshots/000000064.safetensors"):
        assert (unbroken / name).read_bytes() == (broken / name).read_bytes(), name
