"""Every hostile file ends in one clear line, runs nothing, and takes little memory and time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checkpoints.hostile import (
    BOMBS,
    FILES,
    LUCID,
    folder,
    good_edm2_pickle,
    good_lucid_file,
    good_pickle,
    opened,
)
from denoscope import open_denoiser
from denoscope.errors import InputError

TESTS = Path(__file__).parents[1]
# Each bomb in a process that may take half a gigabyte more than it has, and 60 seconds.
BOUNDED = """
import pathlib, resource, sys, tempfile
import denoscope
from checkpoints.hostile import BOMBS, good_pickle, good_weights, opened
good_pickle(), good_weights()
taken = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29,) * 2)
for name, make in BOMBS.items():
    with tempfile.TemporaryDirectory() as place:
        where = make(pathlib.Path(place))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        try:
            opened(where)
        except denoscope.InputError:
            pass
        else:
            sys.exit(f"{name} opened")
        spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
        if spent > 20:
            sys.exit(f"{name} took {spent} s")
"""


@pytest.mark.parametrize("name", FILES)
def test_one_clear_line_and_nothing_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    where = FILES[name](tmp_path)
    with pytest.raises(InputError) as caught:
        opened(where)
    line = str(caught.value).replace(str(tmp_path), "")
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) < 400
    assert not list(tmp_path.rglob("canary"))


def test_the_good_files_open(tmp_path):
    (tmp_path / "good.pkl").write_bytes(good_pickle())
    assert open_denoiser(tmp_path / "good.pkl").spec.shape == (1, 8, 8)
    (tmp_path / "edm2.pkl").write_bytes(good_edm2_pickle())
    assert open_denoiser(tmp_path / "edm2.pkl").spec.shape == (4, 8, 8)
    (tmp_path / LUCID).write_bytes(good_lucid_file())
    assert opened(tmp_path / LUCID).spec.shape == (1, 8, 8)
    assert open_denoiser(folder()(tmp_path)).spec.shape == (1, 8, 8)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to bound memory")
def test_bombs_take_little_memory_and_time():
    assert len(FILES) > 60
    assert len(BOMBS) > 30
    environment = os.environ | {
        "PYTHONPATH": f"{TESTS.parent / 'src'}:{TESTS}",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
