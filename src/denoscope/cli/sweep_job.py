"""A study as the command line runs it: its plan, its tasks under a live table, its verdicts."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.speech import Voice
from denoscope.cli.study_progress import about_seconds, follow
from denoscope.errors import InputError, RunError

if TYPE_CHECKING:
    from denoscope.sweeps import AuditTask, Engine, Event, Store, Study, Task

__all__ = ["SweepJob"]

COLUMNS = ("cell", "N", "width", "arch", "kimg", "seed")


@dataclass(frozen=True)
class SweepJob:
    """What was asked. `tell_plan` does nothing else, `run` does it; both return the exit code."""

    voice: Voice
    file: Path
    out: Path | None = None
    store: Path | None = None
    engine: str = "local"
    workers: int | None = None
    address: str | None = None
    gpus_per_task: float | None = None

    @cached_property
    def folder(self) -> Path:
        from denoscope.sweeps import check_study_folder

        return check_study_folder(self.out or Path("sweeps") / self.file.stem)

    @cached_property
    def cells(self) -> "Store":
        from denoscope.sweeps import Store

        return Store(self.store or self.folder)

    @cached_property
    def study(self) -> "Study":
        from denoscope.sweeps import Study

        return Study.read(self.file)

    @cached_property
    def audits(self) -> "list[AuditTask]":
        return self.study.audits()

    def tell_plan(self) -> int:
        """Every cell, what is there of it, and how long the rest will take."""
        missing = self._missing()
        rows: list[tuple[str, ...]] = [("kind", *COLUMNS, "", "one thread")]
        for task in self._everything():
            state = self._state(task)
            cost = "" if state == "there" else about_seconds(task.seconds())
            rows.append((task.kind, *_about(task), state, cost))
        self.voice.table(rows, heading=True)
        self._tell_estimate(missing)
        tasks = [
            {"kind": t.kind, "name": t.name, "state": self._state(t), "seconds": round(t.seconds())}
            for t in self._everything()
        ]
        self.voice.result({"out": str(self.folder), "store": str(self.cells.root), "tasks": tasks})
        return 0

    def run(self) -> int:
        """Run what is missing, gather the tables, print the verdicts. Raises RunError for failures."""
        from denoscope.sweeps import begin_study, gather, run_tasks

        self._check_words()
        missing = self._missing()
        begin_study(self.folder, self.file.read_text(encoding="utf-8"))
        failed: dict[str, str] = {}
        if missing:
            self._tell_estimate(missing)
            with closing(run_tasks(self.audits, self.cells, self._engine())) as events:
                estimate = sum(task.seconds() for task in missing)
                follow(self.voice, _failures(events, failed), estimate)
        rows = gather(self.audits, self.cells, self.folder)
        self._tell_verdicts(rows)
        self.voice.result({"out": str(self.folder), "cells": rows, "failed": failed})
        if failed:
            name, why = next(iter(failed.items()))
            raise RunError(
                f"{len(failed)} of {len(missing)} tasks did not end, {name}: {why}; tracebacks lie "
                f"in {self.cells.root}/*/.failed, and the same command tries again"
            )
        return 0

    def _check_words(self) -> None:
        if self.engine == "ray" and self.workers is not None:
            raise InputError(
                "--workers is for the local engine: Ray runs what its cluster has room for"
            )
        if self.engine == "local" and (self.address is not None or self.gpus_per_task is not None):
            raise InputError("--address and --gpus-per-task are for --engine ray: add it")

    def _engine(self) -> "Engine":
        if self.engine == "ray":
            from denoscope.sweeps.cluster import RayEngine

            return RayEngine(self.cells, self.address, self.gpus_per_task or 0.0)
        from denoscope.sweeps.local import LocalEngine

        return LocalEngine(self.cells, self.workers)

    def _missing(self) -> "list[Task]":
        from denoscope.sweeps import expand

        return [t for t in expand(self.audits, self.cells) if not self.cells.done(t)]

    def _everything(self) -> "list[Task]":
        """Trainings and audits, each once, a training before its audits."""
        found = {t.name: t for audit in self.audits for t in (*audit.needs(), audit)}
        return list(found.values())

    def _state(self, task: "Task") -> str:
        if self.cells.done(task):
            return "there"
        return "begun" if self.cells.folder(task).exists() else "to do"

    def _tell_estimate(self, missing: "list[Task]") -> None:
        from denoscope.sweeps.local import cores

        if not missing:
            self.voice.say("nothing to do: all is there")
            return
        seconds = sum(task.seconds() for task in missing)
        at_once = self.workers or cores()
        share = max(seconds / at_once, *(task.seconds() for task in missing))
        told = f", {about_seconds(share)} with {at_once} at once" if self.engine == "local" else ""
        self.voice.say(
            f"{len(missing)} tasks to run, about {about_seconds(seconds)} of one thread{told}"
        )

    def _tell_verdicts(self, rows: list[dict[str, Any]]) -> None:
        from denoscope.sweeps.gathering import TABLE, VERDICTS

        table: list[tuple[str, ...]] = [(*COLUMNS, "verdict", "sure", "copies", "to Gaussian")]
        tasks = {task.name: task for task in self.audits}
        for row in rows:
            label, sure = row["verdict"].replace("_", " "), f"{row['confidence']:.0%}"
            copies = _figure(row, "memorization_ratio", "{:.0%}")
            near = _figure(row, "score_error_gaussian", "{:.3f}")
            table.append((*_about(tasks[row["audit"]]), label, sure, copies, near))
        self.voice.table(table, heading=True)
        self.voice.say(f"tables: {self.folder / TABLE}, {self.folder / VERDICTS}")


def _failures(events: "Iterator[Event]", failed: dict[str, str]) -> "Iterator[Event]":
    for event in events:
        if event.state == "failed":
            failed[event.task.name] = event.message
        yield event


def _about(task: Any) -> tuple[str, ...]:
    """A task in COLUMNS; the cell is the digest that its folder's name ends with."""
    train = getattr(task, "train", task)
    settings, data = train.settings, train.data
    kimg = getattr(task, "kimg", None)
    return (
        task.digest,
        f"{data.n}" + (" (twin)" if data.twin else ""),
        f"{settings.network.width}",
        settings.network.arch,
        f"{settings.kimg if kimg is None else kimg:g}",
        f"{settings.seed}" if train is task else f"{settings.seed}/{task.seed}",
    )


def _figure(row: dict[str, Any], name: str, form: str) -> str:
    found = row["headline"].get(name)
    return form.format(found["value"]) if found else "-"
