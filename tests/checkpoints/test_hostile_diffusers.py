"""Every hostile folder of diffusers ends in one clear line, runs nothing, takes little memory and time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from checkpoints.hostile_diffusers import BOMBS, FILES, pipeline
from denoscope import open_denoiser
from denoscope.errors import InputError

TESTS = Path(__file__).parents[1]
# Each bomb in a process that may take half a gigabyte more than it has, and 20 seconds.
BOUNDED = """
import pathlib, resource, sys, tempfile
import denoscope
from checkpoints.hostile_diffusers import BOMBS, pipeline
with tempfile.TemporaryDirectory() as place:
    denoscope.open_denoiser(pipeline()(pathlib.Path(place)))
taken = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29,) * 2)
for name, make in BOMBS.items():
    with tempfile.TemporaryDirectory() as place:
        where = make(pathlib.Path(place))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        try:
            denoscope.open_denoiser(where)
        except denoscope.InputError as error:
            assert "MemoryError" not in str(error), f"{name}: {error}"
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
        open_denoiser(where)
    line = str(caught.value).replace(str(tmp_path), "")
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) < 400
    assert not list(tmp_path.rglob("canary"))


def test_the_good_folder_opens_and_a_snapshot_of_links_too(tmp_path):
    folder = pipeline()(tmp_path)
    assert open_denoiser(folder).spec.shape == (2, 8, 8)
    # As a cache of the hub is: snapshots/REVISION/... are links to blobs/NAME.
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        (blobs / str(number)).write_bytes(path.read_bytes())
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blobs / str(number))
    assert open_denoiser(snapshot).spec.shape == (2, 8, 8)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to bound memory")
def test_bombs_take_little_memory_and_time():
    assert len(FILES) > 50
    assert len(BOMBS) > 15
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
