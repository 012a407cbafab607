"""Tasks that do next to nothing, each with one way to go wrong. Importable in workers too."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import polars as pl

from denoscope.errors import InputError
from denoscope.sweeps import Task


class Note(Task):
    """Writes `value`; `after` are done before."""

    kind: ClassVar[str] = "note"
    value: float
    after: tuple[Task, ...] = ()
    cost: float = 1.0

    def needs(self):
        return self.after

    def seconds(self):
        return self.cost

    def run(self, store, report):
        report(0.5)
        store.write(self, table_of(self.value))


class Fails(Note):
    kind: ClassVar[str] = "fails"

    def run(self, store, report):
        raise InputError(f"value {self.value:g} is refused:\ngive another")


class Breaks(Note):
    kind: ClassVar[str] = "breaks"

    def run(self, store, report):
        raise ZeroDivisionError("by design")


class Forgets(Note):
    kind: ClassVar[str] = "forgets"

    def run(self, store, report):
        pass


class Dies(Note):
    """Kills its own process the first `times` times."""

    kind: ClassVar[str] = "dies"
    times: int = 1

    def run(self, store, report):
        tries = store.root / f"tries-{self.value:g}"
        tries.parent.mkdir(parents=True, exist_ok=True)
        with open(tries, "a") as file:
            file.write(".")
        if tries.stat().st_size <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        super().run(store, report)


class Stays(Note):
    """Leaves its process id, and does not end."""

    kind: ClassVar[str] = "stays"

    def run(self, store, report):
        place = Path(store.root) / f"pid-{self.value:g}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".new").write_text(str(os.getpid()))
        os.replace(place.with_suffix(".new"), place)
        time.sleep(600)


def table_of(value: float) -> pl.DataFrame:
    row = {"seed": 0, "metric": "value", "inputs": "noise", "mean": value, "n": 1}
    return pl.DataFrame([row])
