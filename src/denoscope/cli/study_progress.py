"""The events of a study as they come: a live table on a terminal, else a line an end."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from denoscope.cli.speech import Voice

if TYPE_CHECKING:
    from rich.table import Table

    from denoscope.sweeps import Event

__all__ = ["about_seconds", "follow"]


def follow(voice: Voice, events: "Iterable[Event]", estimate: float = 0.0) -> dict[str, int]:
    """Show events to their end; return how many tasks ended in each state.

    estimate: seconds of one thread that the missing tasks may take, from which the time left is told.
    """
    board = _Board(estimate)
    if not voice.shows_progress:
        for event in events:
            board.note(event)
            if event.state in ("done", "failed"):
                voice.say(
                    f"{board.count} {event.state} {event.task.kind} {event.task.name}{_why(event)}"
                )
        return board.ended
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        for event in events:
            board.note(event)
            live.update(board.table())
            if event.state == "failed":
                live.console.print(f"failed: {event.task.name}{_why(event)}")
    return board.ended


def about_seconds(seconds: float) -> str:
    """An estimate in words: seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def _why(event: "Event") -> str:
    return f": {event.message}" if event.message else ""


class _Board:
    """Where every task stands."""

    def __init__(self, estimate: float) -> None:
        self.estimate, self.started = estimate, time.monotonic()
        self.running: dict[str, Event] = {}
        self.waiting: set[str] = set()
        self.ended: dict[str, int] = {"found": 0, "done": 0, "failed": 0}
        self.worked = 0.0

    def note(self, event: "Event") -> None:
        name = event.task.name
        if event.state == "running":
            self.waiting.discard(name)
            self.running[name] = event
            return
        self.running.pop(name, None)
        if event.state == "waiting":
            self.waiting.add(name)
            return
        self.waiting.discard(name)
        self.ended[event.state] += 1
        self.worked += event.task.seconds() if event.state == "done" else 0.0

    @property
    def count(self) -> str:
        ended = sum(self.ended.values())
        return f"[{ended}/{ended + len(self.running) + len(self.waiting)}]"

    def table(self) -> "Table":
        from rich.table import Table

        told = (
            f"{self.ended['done']} done, {self.ended['found']} found, {len(self.waiting)} waiting"
        )
        if self.ended["failed"]:
            told += f", {self.ended['failed']} failed"
        table = Table(
            title=f"{told}{self._left()}", title_justify="left", box=None, show_header=False
        )
        for event in self.running.values():
            filled = round(20 * event.fraction)
            bar = "━" * filled + "─" * (20 - filled)
            table.add_row(event.task.kind, event.task.name, bar, f"{event.fraction:4.0%}")
        return table

    def _left(self) -> str:
        """The time left, by the pace so far."""
        passed = time.monotonic() - self.started
        work = self.worked + sum(e.task.seconds() * e.fraction for e in self.running.values())
        if not self.estimate or work < 0.01 * self.estimate or passed < 5:
            return ""
        return f", about {passed / work * max(0.0, self.estimate - work) / 60:.0f} min left"
