"""Killed with -9 and resumed, again and again: bitwise the same as unbroken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import denoscope

SOURCE = Path(denoscope.__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_kill_and_resume_is_bitwise_unbroken(tmp_path, seed):
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_run.py")), str(tmp_path), str(seed)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("killed") == 8
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    files = sorted(p.relative_to(unbroken) for p in unbroken.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(broken) for p in broken.rglob("*") if p.is_file())
    for path in (f for f in files if f.suffix == ".safetensors"):
        one, two = load_file(unbroken / path), load_file(broken / path)
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one), path
    logs = [
        [
            {k: v for k, v in json.loads(line).items() if k != "pictures_per_second"}
            for line in (out / "log.jsonl").read_text().splitlines()
        ]
        for out in (unbroken, broken)
    ]
    assert logs[0] == logs[1]
    assert len(logs[0]) == 40
