"""What an engine is, and what every engine does inside its workers: one task under its lock."""

import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from denoscope.errors import DenoscopeError
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task

__all__ = ["Engine", "Outcome", "Report", "execute"]

Outcome = Literal["running", "done", "found", "busy", "failed", "lost"]


@dataclass(frozen=True)
class Report:
    """What an engine knows of a task: running (with the share done), done, found (another sweep has
    done it), busy (another sweep works on it), failed (why), lost (its worker died)."""

    task: Task
    outcome: Outcome
    fraction: float = 0.0
    message: str = ""


class Engine(Protocol):
    """Runs tasks somewhere. Every task submitted ends with one report that is not "running"."""

    def has_room(self) -> bool:
        """Whether another task would start now."""
        ...

    def submit(self, task: Task) -> None: ...

    def reports(self, seconds: float) -> Iterable[Report]:
        """What is new; waits for at most so long where nothing is."""
        ...

    def close(self) -> None:
        """End all work at once."""
        ...


def execute(task: Task, store: Store, report: Callable[[float], None]) -> tuple[Outcome, str]:
    """Run one task under its lock; return how it ended, and why where it failed. Never raises."""
    try:
        with store.lock(task) as mine:
            if not mine:
                return "busy", ""
            if store.done(task):
                return "found", ""
            report(0.0)
            task.run(store, report)
            if not store.done(task):
                return "failed", f"{type(task).__name__}.run ended and left no {store.folder(task)}"
            return "done", ""
    except Exception as error:
        words = (
            str(error) if isinstance(error, DenoscopeError) else f"{type(error).__name__}: {error}"
        )
        with suppress(DenoscopeError):  # a full disk must not hide the first error
            store.note_failure(task, traceback.format_exc())
        return "failed", " ".join(words.split())
