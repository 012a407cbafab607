"""The pool of processes: what its workers do, how they die, and that they never outlive the sweep."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_tasks import Breaks, Dies, Fails, Note, Stays

import denoscope
from denoscope.errors import InputError
from denoscope.sweeps import run_tasks
from denoscope.sweeps.local import LocalEngine, cores

SOURCE = Path(denoscope.__file__).parents[1]


def wait_for(path, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path.name} in {seconds:g} s"
        time.sleep(0.05)
    return path.read_text()


def alive(pid):
    """Whether any of its threads runs: one that has ended and that nobody has asked about is a zombie.

    The first thread may be one while another still holds the process's files, and so its lock.
    """
    if Path("/proc/self/task").exists():
        return any(map(_runs, Path(f"/proc/{pid}/task").glob("*/stat")))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _runs(stat):
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pid, seconds=20.0):
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there after {seconds:g} s"
        time.sleep(0.05)


def test_threads_share_the_cores(store):
    assert LocalEngine(store).slots == cores()
    assert LocalEngine(store).threads == 1
    assert LocalEngine(store, 1).threads == cores()
    assert LocalEngine(store, 10 * cores()).threads == 1
    with pytest.raises(InputError, match="give 1 or more"):
        LocalEngine(store, 0)


@pytest.mark.slow
def test_whatever_happens_to_some_tasks_the_others_end(store):
    fine = [Note(value=v) for v in range(4)]
    once, always = Dies(value=10), Dies(value=20, times=9)
    above = Note(value=5, after=(always,))
    tasks = [*fine, once, above, Fails(value=1), Breaks(value=2)]
    last = {e.task: e for e in run_tasks(tasks, store, "local", workers=2)}
    assert {task for task, event in last.items() if event.state == "done"} == {*fine, once}
    assert all(store.table(task)["mean"].to_list() == [task.value] for task in (*fine, once))
    assert last[always].message.startswith("its worker was killed (SIGKILL")
    assert last[above].message == f"not run: {always.name} failed"
    assert last[tasks[-2]].message == "value 1 is refused: give another"
    assert (store.root / "tries-20").stat().st_size == 2


@pytest.mark.slow
def test_closing_ends_the_workers(store):
    events = run_tasks([Stays(value=1)], store, "local", workers=1)
    assert any(event.state == "running" for event in events)
    pid = int(wait_for(store.root / "pid-1"))
    assert alive(pid)
    events.close()
    wait_for_end(pid)


@pytest.mark.slow
def test_workers_end_when_the_sweep_is_killed(store):
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from denoscope.sweeps import Store, run_tasks; from sweep_tasks import Stays\n"
        "if __name__ == '__main__':\n"
        f"    list(run_tasks([Stays(value=1), Stays(value=2)], Store({str(store.root)!r}), workers=2))"
    )
    script = store.root.parent / "sweep.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as sweep:
        pids = [int(wait_for(store.root / f"pid-{value}")) for value in (1, 2)]
        assert all(alive(pid) for pid in pids)
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
    for pid in pids:
        wait_for_end(pid)
    with store.lock(Stays(value=1)) as mine:
        assert mine
