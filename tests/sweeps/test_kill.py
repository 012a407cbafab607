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
    """(study.toml, the folder of a sweep that nothing broke, the seconds it took)."""
    folder = tmp_path_factory.mktemp("unbroken")
    path, started = study(folder), time.monotonic()
    said = to_the_end(sweep(path, folder / "out"))
    assert sum("] done " in line for line in said) == TASKS
    return path, folder / "out", time.monotonic() - started


def test_killed_at_random_moments_it_ends_the_same(unbroken, tmp_path):
    path, expected, seconds = unbroken
    draw, out, kills = random.Random(0), tmp_path / "out", 0
    for ends in (0, 1, 2, 1):  # tasks that end before the kill
        process = sweep(path, out)
        assert process.stdout is not None
        for line in process.stdout:
            ends -= "] done " in line
            if ends <= 0 and ("tasks to run" in line or "] done " in line):
                break
        time.sleep(draw.uniform(0.0, seconds / 10))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert kills >= 2
    to_the_end(sweep(path, out))
    assert_same(expected, out)
    assert_nothing_half(out)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")
def test_a_killed_worker_is_replaced(unbroken, tmp_path):
    path, expected, seconds = unbroken
    out = tmp_path / "out"
    process = sweep(path, out)
    while not (workers := worker_processes(process.pid)):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(random.Random(7).uniform(0.1, 0.4) * seconds)
    os.kill(workers[0], signal.SIGKILL)
    to_the_end(process)
    assert_same(expected, out)
    assert_nothing_half(out)


def worker_processes(parent):
    """Children that multiprocessing has spawned to work."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(pid)
        for pid in children
        if b"spawn_main" in (Path("/proc") / pid / "cmdline").read_bytes()
    ]


def test_two_sweeps_on_one_store_share_the_work(unbroken, tmp_path):
    path, expected, _ = unbroken
    out = tmp_path / "out"
    both = [sweep(path, out) for _ in range(2)]
    said = [to_the_end(process) for process in both]
    assert_same(expected, out)
    assert_nothing_half(out)
    done = [line.split()[-1] for lines in said for line in lines if "] done " in line]
    assert len(done) == len(set(done)) == TASKS  # nothing was done twice
