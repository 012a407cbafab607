"""Files that would exhaust memory or time, each opened in a process that has little of either."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Half a gigabyte more than the process has once it has opened good files, and 20 seconds a bomb.
BOUNDED = """
import importlib, pathlib, resource, sys, tempfile
import denoscope
corpus = importlib.import_module(sys.argv[1])
with tempfile.TemporaryDirectory() as place:
    for where in corpus.good_models(pathlib.Path(place)):
        denoscope.open_denoiser(where)
taken = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29,) * 2)
for name, make in corpus.BOMBS.items():
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


def check_bombs(corpus: str) -> None:
    """Every one of a module's BOMBS ends in an InputError within the bounds.

    The module has `good_models(place)` too: what to open first, so that all is imported that will be.
    """
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux to bound memory")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, corpus], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


def check_one_clear_line(error: Exception, place: Path) -> None:
    """What was raised is a line that a person can read, and no payload has left its canary."""
    line = str(error).replace(str(place), "")
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) < 400
    assert not list(place.rglob("canary"))
