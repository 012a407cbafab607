"""The store: whole results, locks that die with their holder, leftovers that vanish."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sweep_tasks import Note, table_of

from denoscope.errors import InputError
from denoscope.sweeps import Store
from denoscope.tables import MEASUREMENTS

TASK = Note(value=1)


def test_what_is_written_is_read(store):
    assert not store.done(TASK)
    pictures = {"sample/network": np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)}
    store.write(TASK, table_of(1.0), pictures, **{"claim.json": b"{}"})
    assert store.done(TASK)
    assert store.folder(TASK) == store.root / "note" / TASK.name
    assert store.table(TASK).schema == MEASUREMENTS
    assert store.table(TASK)["mean"].to_list() == [1.0]
    assert np.array_equal(store.pictures(TASK)["sample/network"], pictures["sample/network"])
    assert (store.folder(TASK) / "claim.json").read_bytes() == b"{}"


def test_without_pictures_there_are_none(store):
    store.write(TASK, table_of(1.0))
    assert store.pictures(TASK) == {}


def test_a_failure_leaves_nothing(store):
    def write_half():
        with store.writing(TASK) as folder:
            (folder / "half").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert not store.done(TASK)
    assert list((store.root / "note" / ".writing").iterdir()) == []


def test_what_a_kill_left_is_cleaned_and_is_never_the_result(store):
    left = store.root / "note" / ".writing" / TASK.name / "result"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    assert not store.done(TASK)
    store.write(TASK, table_of(2.0))
    assert not (store.folder(TASK) / "half").exists()
    assert not left.parent.exists()


def test_a_table_that_breaks_the_schema_is_refused(store):
    with pytest.raises(InputError, match="unknown column"):
        store.write(TASK, table_of(1.0).with_columns(other=1))
    with pytest.raises(InputError, match="give uint8"):
        store.write(TASK, table_of(1.0), {"a": np.zeros(3)})
    assert not store.done(TASK)


def test_a_missing_table_says_what_to_do(store):
    with pytest.raises(InputError, match="sweep again"):
        store.table(TASK)


def test_a_training_is_done_with_its_weights(store, tiny_training):
    folder = store.folder(tiny_training)
    folder.mkdir(parents=True)
    assert not store.done(tiny_training)
    (folder / "weights.safetensors").touch()
    assert store.done(tiny_training)


def test_one_holder_at_a_time(store):
    with store.lock(TASK) as mine:
        assert mine
        with Store(store.root).lock(TASK) as other:
            assert not other
        with store.lock(Note(value=2)) as another_task:
            assert another_task
    with store.lock(TASK) as again:
        assert again


def test_an_error_releases_the_lock(store):
    with pytest.raises(ZeroDivisionError), store.lock(TASK):
        raise ZeroDivisionError
    with store.lock(TASK) as mine:
        assert mine


def test_the_lock_of_a_killed_process_is_free(store):
    code = (
        f"import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from denoscope.sweeps import Store; from sweep_tasks import Note\n"
        f"with Store({str(store.root)!r}).lock(Note(value=1)) as mine:\n"
        "    print(mine, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        assert held.stdout.readline().strip() == "True"
        with store.lock(TASK) as mine:
            assert not mine
        os.kill(held.pid, signal.SIGKILL)
        held.wait()
        deadline = time.monotonic() + 5
        free = False
        while not free and time.monotonic() < deadline:
            with store.lock(TASK) as free:
                pass
        assert free
