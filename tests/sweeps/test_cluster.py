"""The Ray engine on a real cluster of separate processes, one node killed midway."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from swept import TASKS, assert_nothing_half, assert_same, study, sweep, to_the_end

from denoscope.cli import main
from denoscope.errors import InputError
from denoscope.sweeps import cluster

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # other programs' memory is none of this test's business
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextmanager
def nodes():
    """(address, kill) of a cluster; kill() ends one of its two nodes."""
    script = Path(__file__).with_name("ray_nodes.py")
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **QUIET},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def kill():
            process.stdin.write("kill\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        try:
            yield process.stdout.readline().strip(), kill
        finally:
            process.stdin.close()
            process.wait(timeout=120)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")
def test_a_cluster_that_loses_a_node_gives_the_tables_of_one_process(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    path = study(tmp_path, kimg=4)
    with nodes() as (address, kill):
        process = sweep(path, tmp_path / "ray", "--engine", "ray", "--address", address)
        running = tmp_path / "ray" / ".ray"
        deadline = time.monotonic() + 300
        while len(list(running.glob("*"))) < 2:  # both nodes are at work
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        ended = list((tmp_path / "ray" / "train").glob("*/weights.safetensors"))
        assert kill() >= 2  # the node's raylet and at least one worker
        said = to_the_end(process)
    assert len(ended) < 4
    assert sum("] done " in line for line in said) == TASKS
    to_the_end(sweep(path, tmp_path / "local"))
    assert_same(tmp_path / "local", tmp_path / "ray")
    assert_nothing_half(tmp_path / "ray")


def test_without_ray_the_remedy_is_said(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install \"denoscope\[ray\]\""):
        cluster.RayEngine(store)


def test_options_of_another_engine_are_refused(tmp_path, capsys):
    path = study(tmp_path)
    for words in ("--engine ray --workers 2", "--address auto", "--gpus-per-task 0.5"):
        assert main(["sweep", str(path), "--out", str(tmp_path / "out"), *words.split()]) == 2
        assert "engine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_notes_tell_each_share_once(tmp_path):
    from sweep_tasks import Note

    task, writer, reader = Note(value=1), cluster._Notes(tmp_path), cluster._Notes(tmp_path)
    assert reader.news(task) is None
    writer.write(task, 0.25)
    writer.write(task, 0.5)  # too soon after the first
    assert reader.news(task) == 0.25
    assert reader.news(task) is None
    writer.drop(task)
    assert reader.news(task) is None
