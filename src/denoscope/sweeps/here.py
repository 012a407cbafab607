"""The engine without workers: tasks run in this process, one after the other. For a debugger."""

from collections.abc import Iterable

from denoscope.sweeps.engine import Report, execute
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task

__all__ = ["HereEngine"]


class HereEngine:
    """Runs a task when its reports are asked for."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[Task] = []

    def has_room(self) -> bool:
        return not self._waiting

    def submit(self, task: Task) -> None:
        self._waiting.append(task)

    def reports(self, seconds: float) -> Iterable[Report]:
        while self._waiting:
            task = self._waiting.pop()
            yield Report(task, "running")
            outcome, message = execute(task, self.store, lambda share: None)
            yield Report(task, outcome, message=message)

    def close(self) -> None:
        self._waiting.clear()
