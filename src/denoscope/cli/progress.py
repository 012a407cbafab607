"""A progress bar with rate and remaining time, on a terminal, once the work has taken two seconds."""

import time
from types import TracebackType

from denoscope.cli.speech import Voice

__all__ = ["Bar"]

PATIENCE = 2.0  # seconds of silence


class Bar:
    """with Bar(voice, "audit", total, "evaluations") as bar: bar.advance(64)."""

    def __init__(self, voice: Voice, label: str, total: int, unit: str) -> None:
        self.voice, self.label, self.total, self.unit = voice, label, total, unit
        self.done = self.first = 0
        self.started = time.monotonic()
        self._progress = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, count: int) -> None:
        """`count` more are done."""
        self.reach(self.done + count)

    def start_at(self, done: int) -> None:
        """The clock starts here: the `done` before it do not count for the rate."""
        self.done = self.first = done
        self.started = time.monotonic()

    def reach(self, done: int, note: str = "") -> None:
        """`done` are done in all; `note` stands behind the bar."""
        self.done = done
        if not self.voice.shows_progress:
            return
        seconds = time.monotonic() - self.started
        if self._progress is None:
            if seconds < PATIENCE:
                return
            self._start()
        rate = (done - self.first) / seconds if seconds else 0.0
        left = max(0, self.total - done) / rate if rate else 0.0
        words = f"{rate:,.0f} {self.unit}/s, {_clock(left)} left{', ' + note if note else ''}"
        self._progress.update(self._task, completed=min(done, self.total), words=words)  # type: ignore[union-attr]

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task(self.label, total=self.total, words="")
        self._progress.start()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
