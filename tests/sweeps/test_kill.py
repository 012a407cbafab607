"""Sweeps killed with -9 at random moments, and their workers too, end with the tables of unbroken ones."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from swept import TASKS, assert_nothing_half, assert_same, study, sweep, to_the_end

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(study.toml, the folder of a sweep that nothing broke)."""
    folder = tmp_path_factory.mktemp("unbroken")
    path = study(folder)
    said = to_the_end(sweep(path, folder / "out", "--workers", "1"))
    assert sum("] done " in line for line in said) == TASKS
    return path, folder / "out"


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_random_moments_it_ends_the_same(unbroken, tmp_path, seed):
    path, expected = unbroken
    draw, out, kills = random.Random(seed), tmp_path / "out", 0
    for ends in (0, 0, 1, 2, 1, 2):
        process = sweep(path, out, "--workers", "2")
        assert process.stdout is not None
        for line in process.stdout:
            ends -= "] done " in line or line.endswith("run\n")
            if ends < 0 or (ends == 0 and " done " in line):
                break
        if process.poll() is None:
            time.sleep(draw.uniform(0.0, 8.0 if ends < 0 else 1.0))
            process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert kills >= 2
    to_the_end(sweep(path, out, "--workers", "2"))
    assert_same(expected, out)
    assert_nothing_half(out)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")
def test_killed_workers_are_replaced(unbroken, tmp_path):
    path, expected = unbroken
    out, killed = tmp_path / "out", []
    process = sweep(path, out, "--workers", "2")
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if len(killed) < 3 and (workers := busy_workers(process.pid)):
            os.kill(workers[-1], signal.SIGKILL)
            killed.append(workers[-1])
    assert process.wait() == 0, said
    assert killed
    assert_same(expected, out)
    assert_nothing_half(out)


def busy_workers(parent):
    """Children that multiprocessing has spawned to work."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(pid)
        for pid in children
        if b"spawn_main" in (Path("/proc") / pid / "cmdline").read_bytes()
    ]


def test_two_sweeps_on_one_store_share_the_work(unbroken, tmp_path):
    path, expected = unbroken
    out = tmp_path / "out"
    both = [sweep(path, out, "--workers", "1") for _ in range(2)]
    said = [to_the_end(process) for process in both]
    assert_same(expected, out)
    assert_nothing_half(out)
    done = [line.split()[-1] for lines in said for line in lines if "] done " in line]
    assert len(done) == len(set(done)) == TASKS  # nothing was done twice
