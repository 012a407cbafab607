"""The local engine: a pool of processes on this machine, replaced where they die."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue

from denoscope.errors import InputError
from denoscope.sweeps.engine import Outcome, Report, execute
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task

__all__ = ["SPAWN", "LocalEngine", "cores"]

EVERY = 0.5  # seconds between two words of a worker about its progress
SPAWN = get_context("spawn")  # a fork of a process that has used torch's threads may hang


def cores() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Task | None = None


class LocalEngine:
    """Processes that are started when there is work for them, each with cores // workers threads.

    A worker ends when this process does, however that ends: it watches the pipe between them.

    Raises InputError for fewer than one worker.
    """

    def __init__(self, store: Store, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"{workers} workers asked: give 1 or more")
        self.store = store
        self.slots = workers or cores()
        self.threads = max(1, cores() // self.slots)
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        return sum(worker.task is not None for worker in self._workers) < self.slots

    def submit(self, task: Task) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        worker = idle[0] if idle else self._start()
        worker.task = task
        with suppress(OSError):  # where it has died, the pipe says so when reports are asked for
            worker.pipe.send(task)

    def reports(self, seconds: float) -> Iterable[Report]:
        pipes = {worker.pipe: worker for worker in self._workers}
        if not pipes:
            time.sleep(seconds)
        for pipe in connection.wait(list(pipes), seconds) if pipes else ():
            yield from self._heard(pipes[pipe])  # type: ignore[index]

    def _heard(self, worker: _Worker) -> Iterator[Report]:
        task = worker.task
        try:
            outcome, fraction, message = worker.pipe.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            worker.pipe.close()
            worker.process.join()
            if task is not None:
                yield Report(task, "lost", message=_death(worker.process.exitcode))
            return
        if outcome != "running":
            worker.task = None
        if task is not None:
            yield Report(task, outcome, fraction, message)

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()  # whatever it writes is taken up, or cleaned, by the next sweep
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _start(self) -> _Worker:
        mine, its = SPAWN.Pipe()
        process = SPAWN.Process(
            target=_work, args=(self.store.root, self.threads, its), daemon=True
        )
        with _threads_of_children(self.threads):
            process.start()
        its.close()
        self._workers.append(_Worker(process, mine))
        return self._workers[-1]


@contextmanager
def _threads_of_children(threads: int) -> Iterator[None]:
    """Every library in a child finds its number of threads when it is loaded."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its worker ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the system does where memory is short" if -code == signal.SIGKILL else ""
    return f"its worker was killed ({name}{hint})"


def _work(root: Path, threads: int, pipe: Connection) -> None:
    """A worker's life: tasks in, reports out, until the pipe closes."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends its workers
    torch.set_num_threads(threads)
    store = Store(root)
    tasks: SimpleQueue[Task] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    while True:
        task = tasks.get()
        outcome, message = execute(task, store, _Progress(pipe))
        _tell(pipe, (outcome, 1.0, message))


def _tell(pipe: Connection, words: tuple[Outcome, float, str]) -> None:
    try:
        pipe.send(words)
    except OSError:
        os._exit(1)  # the parent is gone: no failure of the task, which goes on with the next sweep


def _listen(pipe: Connection, tasks: "SimpleQueue[Task]") -> None:
    try:
        while True:
            tasks.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(1)


class _Progress:
    """Tells the parent, not too often."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.told = pipe, -EVERY

    def __call__(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self.told >= EVERY:
            self.told = now
            _tell(self.pipe, ("running", fraction, ""))
