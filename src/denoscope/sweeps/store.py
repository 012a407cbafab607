"""The store of a study: one folder a task, written whole, shared by all who work on it.

ROOT/KIND/NAME/                the result of a task
ROOT/KIND/.writing/NAME/       what is being written, or what a killed program left of it
ROOT/KIND/.locks/NAME          held by whoever works on the task, released with its process
ROOT/KIND/.failed/NAME.txt     the traceback of the last failure
"""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
from filelock import FileLock, Timeout

from denoscope.errors import InputError
from denoscope.sweeps.task import Task
from denoscope.tables import conform, plain_errors, write_file

__all__ = ["Store"]

TABLE, PICTURES = "measurements.parquet", "pictures.npz"


class Store:
    """Results of tasks under one folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().resolve()

    def folder(self, task: Task) -> Path:
        """Where the result of a task is, or will be."""
        return self.root / task.kind / task.name

    def done(self, task: Task) -> bool:
        """Whether the result is there: its folder, which is written whole, or the file it ends with."""
        return (self.folder(task) / task.ends_with).exists()

    @contextmanager
    def lock(self, task: Task) -> Iterator[bool]:
        """Whether this process may work on the task: no other one does.

        The system releases the lock of a process that dies, in whatever way.
        """
        path = self.root / task.kind / ".locks" / task.name
        with plain_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def writing(self, task: Task) -> Iterator[Path]:
        """An empty folder to write to; it becomes `folder(task)` at once, or vanishes on failure."""
        place = self._scratch(task)
        target, staging = self.folder(task), place / "result"
        with plain_errors(place):
            shutil.rmtree(place, ignore_errors=True)  # what a killed program left
            staging.mkdir(parents=True)
            try:
                yield staging
                shutil.rmtree(target, ignore_errors=True)
                os.rename(staging, target)
            finally:
                shutil.rmtree(place, ignore_errors=True)

    def _scratch(self, task: Task) -> Path:
        return self.root / task.kind / ".writing" / task.name

    def write(
        self,
        task: Task,
        table: pl.DataFrame,
        pictures: dict[str, np.ndarray] | None = None,
        **files: bytes,
    ) -> None:
        """Write a result: a table of measurements, uint8 pictures, and other files by their names.

        Raises InputError where the table breaks the schema of measurements.
        """
        frame = conform("measurements", table)
        wrong = [key for key, one in (pictures or {}).items() if one.dtype != np.uint8]
        if wrong:
            raise InputError(f"pictures {wrong[0]!r} are {pictures[wrong[0]].dtype}: give uint8")  # type: ignore[index]
        with self.writing(task) as folder:
            buffer = io.BytesIO()
            frame.write_parquet(buffer)
            (folder / TABLE).write_bytes(buffer.getvalue())
            if pictures:
                with open(folder / PICTURES, "wb") as stream:
                    np.savez_compressed(stream, allow_pickle=False, **pictures)  # type: ignore[arg-type]
            for name, content in files.items():
                (folder / name).write_bytes(content)

    def table(self, task: Task) -> pl.DataFrame:
        """measurements.parquet of a task that is done. Raises InputError where it does not read."""
        path = self.folder(task) / TABLE
        try:
            return conform("measurements", pl.read_parquet(path, memory_map=False))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(f"{path} cannot be read: remove its folder and sweep again") from error

    def pictures(self, task: Task) -> dict[str, np.ndarray]:
        """pictures.npz of a task that is done; {} where it has none."""
        path = self.folder(task) / PICTURES
        if not path.exists():
            return {}
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}

    def note_failure(self, task: Task, text: str) -> None:
        """Keep the traceback of a failure."""
        write_file(self.root / task.kind / ".failed" / f"{task.name}.txt", text.encode())
