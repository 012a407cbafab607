"""The Ray engine: one Ray task for each task of a study, on a cluster that shares the store's folder.

Ray starts a task again where its worker or node has died; what the dead one left is taken up, or
cleaned, as after any kill. Results travel through the store alone.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from denoscope.errors import InputError
from denoscope.sweeps.engine import Outcome, Report, execute
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task

__all__ = ["RayEngine"]

RETRIES = 3  # starts of a task after the first, where its worker dies
EVERY = 2.0  # seconds between two notes of a worker about its progress


class RayEngine:
    """address: of a running cluster ("auto" for the one on this machine); None starts one here, for
    the time of the sweep. gpus_per_task: a fraction lets several tasks share a GPU. cpus_per_task:
    processors, and threads, of a task.

    Raises InputError where Ray is not installed, no cluster answers, or it has no such GPU.
    """

    def __init__(
        self,
        store: Store,
        address: str | None = None,
        gpus_per_task: float = 0.0,
        cpus_per_task: int = 1,
    ) -> None:
        self.store = store
        self._ray = _connected(address)
        gpus = self._ray.cluster_resources().get("GPU", 0.0)
        if gpus_per_task > gpus:
            self.close()
            raise InputError(
                f"{gpus_per_task:g} GPUs a task asked, the cluster has {gpus:g}: ask for no more"
            )
        self._threads = cpus_per_task
        self._run = self._ray.remote(
            num_cpus=cpus_per_task, num_gpus=gpus_per_task, max_retries=RETRIES
        )(_run)
        self._tasks: dict[Any, Task] = {}
        self._notes = _Notes(store.root / ".ray")

    def has_room(self) -> bool:
        return True  # Ray keeps the queue

    def submit(self, task: Task) -> None:
        self._notes.drop(task)
        reference = self._run.remote(task, self.store.root, self._notes.root, self._threads)
        self._tasks[reference] = task

    def reports(self, seconds: float) -> Iterable[Report]:
        if not self._tasks:
            time.sleep(seconds)
            return
        ended, _ = self._ray.wait(list(self._tasks), timeout=seconds)
        for reference in ended:
            task = self._tasks.pop(reference)
            yield self._ended(task, reference)
        for task in self._tasks.values():
            share = self._notes.news(task)
            if share is not None:
                yield Report(task, "running", share)

    def _ended(self, task: Task, reference: Any) -> Report:
        try:
            outcome, message = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            return Report(task, "failed", message=f"lost {RETRIES + 1} times by Ray: {reason}")
        if outcome in ("done", "found") and not self.store.done(task):
            message = f"done on a node, and not in {self.store.root}: give a folder all nodes share"
            return Report(task, "failed", message=message)
        return Report(task, outcome, message=message)

    def close(self) -> None:
        for reference in getattr(self, "_tasks", {}):
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()  # of our connection, or of the cluster that we started


def _connected(address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise InputError(
            'the Ray engine needs Ray: pip install "denoscope[ray]", or take --engine local'
        ) from error
    words: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        words |= {"include_dashboard": False}
    try:
        ray.init(address=address, **words)
    except (ConnectionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"no Ray cluster at {address}: {reason}") from error
    return ray


def _run(task: Task, root: Path, notes: Path, threads: int) -> tuple[Outcome, str]:
    """In a Ray worker."""
    import torch

    torch.set_num_threads(threads)
    note = _Notes(notes)
    try:
        return execute(task, Store(root), lambda share: note.write(task, share))
    finally:
        note.drop(task)


class _Notes:
    """How far tasks are, as small files: workers write them, the sweep reads them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._told: dict[str, float] = {}

    def write(self, task: Task, share: float) -> None:
        now = time.monotonic()
        if now - self._told.get(task.name, -EVERY) >= EVERY:
            self._told[task.name] = now
            with suppress(OSError):  # not worth failing for
                self.root.mkdir(parents=True, exist_ok=True)
                (self.root / task.name).write_text(f"{share:.4f}")

    def news(self, task: Task) -> float | None:
        """The share done, where it is not the one told last."""
        with suppress(OSError, ValueError):
            share = float((self.root / task.name).read_text())
            if share != self._told.get(task.name):
                self._told[task.name] = share
                return share
        return None

    def drop(self, task: Task) -> None:
        with suppress(OSError):
            (self.root / task.name).unlink()
