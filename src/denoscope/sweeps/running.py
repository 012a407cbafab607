"""Run tasks: what is there is not done again, what is ready runs in any order, a failure stops only
what depends on it."""

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from denoscope.errors import InputError
from denoscope.sweeps.engine import Engine
from denoscope.sweeps.here import HereEngine
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task

__all__ = ["Event", "State", "expand", "run_tasks"]

State = Literal["waiting", "running", "done", "failed", "found"]
POLL = 0.2  # seconds
PATIENCE = 1.0  # seconds until a task that another sweep holds is tried again
ATTEMPTS = 2  # of a task whose worker dies


@dataclass(frozen=True)
class Event:
    """Something happened to a task. fraction: the share done, 0 to 1; message: why, in one line."""

    task: Task
    state: State
    fraction: float = 0.0
    message: str = ""


def expand(tasks: Iterable[Task], store: Store) -> list[Task]:
    """The tasks and all they need that is not there, each once, needs before those who need them."""
    found: dict[str, Task] = {}

    def visit(task: Task) -> None:
        if task.name in found:
            return
        if not store.done(task):
            for need in task.needs():
                visit(need)
        found[task.name] = task

    for task in tasks:
        visit(task)
    return list(found.values())


def run_tasks(
    tasks: Sequence[Task],
    store: Store,
    engine: Literal["local", "ray", "here"] | Engine = "local",
    workers: int | None = None,
) -> Generator[Event]:
    """Run `tasks` and what they need; yield what happens. The last event of a task is done, found
    or failed ("not run: ..." where something it needs failed).

    engine: "local" for a pool of processes, "ray" for a Ray cluster at hand, "here" for this
    process, or an engine. workers: of the local engine, by default one a core.

    Results depend on neither engine nor order, and a run that was killed at any moment ends,
    repeated, with the same ones. Closing the generator ends all work.
    """
    order = expand(tasks, store)
    left: dict[str, Task] = {}
    done: set[str] = set()
    for task in order:
        if store.done(task):
            done.add(task.name)
            yield Event(task, "found", 1.0)
        else:
            left[task.name] = task
            yield Event(task, "waiting")
    if left:
        runner = _engine(engine, store, workers)
        try:
            yield from _run(left, done, runner)
        finally:
            runner.close()


def _run(left: dict[str, Task], done: set[str], engine: Engine) -> Generator[Event]:
    """left: tasks without an end, by name, and taken out as they end."""
    submitted: set[str] = set()
    held: dict[str, float] = {}  # tasks of another sweep, and when to ask again
    lost: dict[str, int] = {}
    costs = {name: task.seconds() for name, task in left.items()}

    def ready() -> list[str]:
        now = time.monotonic()
        names = [
            name
            for name, task in left.items()
            if name not in submitted
            and held.get(name, 0.0) <= now
            and all(need.name in done for need in task.needs())
        ]
        return sorted(names, key=costs.__getitem__, reverse=True)

    while left:
        for name in ready():
            if not engine.has_room():
                break
            submitted.add(name)
            engine.submit(left[name])
        for report in engine.reports(POLL):
            task, name = report.task, report.task.name
            if report.outcome == "running":
                yield Event(task, "running", report.fraction)
                continue
            submitted.discard(name)
            if report.outcome == "busy":
                if name not in held:
                    yield Event(task, "waiting", message="another sweep works on it")
                held[name] = time.monotonic() + PATIENCE
            elif report.outcome == "lost" and lost.setdefault(name, 0) + 1 < ATTEMPTS:
                lost[name] += 1
                yield Event(task, "waiting", message=f"{report.message}; tried once more")
            elif report.outcome in ("done", "found"):
                done.add(name)
                del left[name]
                yield Event(task, report.outcome, 1.0)
            else:
                del left[name]
                yield Event(task, "failed", message=report.message)
                yield from _not_run(left, name)


def _not_run(left: dict[str, Task], failed: str) -> Generator[Event]:
    """Take out, and report, all that cannot run since `failed` did not."""
    for name, task in list(left.items()):
        if name in left and any(need.name == failed for need in task.needs()):
            del left[name]
            yield Event(task, "failed", message=f"not run: {failed} failed")
            yield from _not_run(left, name)


def _engine(engine: str | Engine, store: Store, workers: int | None) -> Engine:
    if not isinstance(engine, str):
        return engine
    if engine == "here":
        return HereEngine(store)
    if engine == "local":
        from denoscope.sweeps.local import LocalEngine

        return LocalEngine(store, workers)
    if engine == "ray":
        from denoscope.sweeps.cluster import RayEngine

        return RayEngine(store)
    raise InputError(f"engine {engine!r} is unknown: choose local, ray or here")
