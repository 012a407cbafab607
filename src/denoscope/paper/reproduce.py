"""Reproduce the paper's figures: plan the tasks, run what is missing, draw, check the claims."""

import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from denoscope.errors import InputError
from denoscope.images import open_images
from denoscope.paper.cells import Cells
from denoscope.paper.claims import Claim, claim_of, claims_json, not_run, read_claims
from denoscope.paper.collecting import cell_name, collect, kept_cells
from denoscope.paper.drawing import draw_figures
from denoscope.paper.figure import Figure
from denoscope.paper.figures import FIGURES
from denoscope.paper.preset import Preset
from denoscope.paper.traps import TRAPS
from denoscope.sweeps import Event, Store, Task, expand, run_tasks, task_seconds
from denoscope.tables import write_file

__all__ = ["CLAIMS", "TRAP_CLAIMS", "Plan", "Reproduction", "with_data"]

CLAIMS, TRAP_CLAIMS = "claims.json", "traps.json"  # of the figures, of the traps


def with_data(preset: Preset, where: str, size: int | None = None) -> Preset:
    """The preset on other pictures for its main family.

    Raises InputError where there are too few: twice the largest N, and some held out.
    """
    pictures = open_images(where, size=size)
    need = max(preset.main.images[-1], 2 * preset.main.twin) + preset.audited
    if len(pictures) < need:
        raise InputError(
            f"{where} has {len(pictures)} pictures, the preset {preset.name} needs {need}: two disjoint "
            f"sets of {preset.main.twin} and {preset.audited} held out"
        )
    data = preset.main.data.model_copy(
        update={"where": where, "size": size, "shape": pictures.shape, "total": len(pictures)}
    )
    return preset.model_copy(update={"main": preset.main.model_copy(update={"data": data})})


@dataclass(frozen=True)
class Plan:
    """What a reproduction will do. missing: tasks to run, in an order that works; seconds: of one thread."""

    tasks: list[Task]
    missing: list[Task]

    @property
    def seconds(self) -> float:
        return task_seconds(self.missing)

    def by_kind(self) -> dict[str, tuple[int, int, float]]:
        """kind -> (tasks, of them missing, seconds of these), trainings first."""
        kinds = dict.fromkeys(task.kind for task in self.tasks)
        missing = {task.name for task in self.missing}
        return {
            kind: (
                sum(task.kind == kind for task in self.tasks),
                sum(task.kind == kind for task in self.missing),
                sum(t.seconds() for t in self.tasks if t.kind == kind and t.name in missing),
            )
            for kind in kinds
        }


@dataclass
class Reproduction:
    """Some of the figures at one preset, in one folder.

    out/cells/ is the store of all tasks, out/figures/ the drawings, out/claims.json the claims and
    out/traps.json those of the traps. What
    is in the store is never done twice, whichever figures asked for it.
    """

    preset: Preset
    figures: Sequence[Figure]
    out: Path
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store(self.out / "cells")

    def cells(self, opened: bool = True) -> Cells:
        """opened=False: without the data; cells can be planned, not run."""
        return Cells(self.preset, opened)

    def plan(self, opened: bool = True) -> Plan:
        """All tasks the figures need, and those that are not there yet."""
        asked = [task for figure in self.figures for task in figure.needs(self.cells(opened))]
        everything: dict[str, Task] = {}

        def visit(task: Task) -> None:
            if task.name not in everything:
                for need in task.needs():
                    visit(need)
                everything[task.name] = task

        for task in asked:
            visit(task)
        missing = [task for task in expand(asked, self.store) if not self.store.done(task)]
        return Plan(list(everything.values()), missing)

    def run(
        self, engine: Literal["local", "ray", "here"] = "local", workers: int | None = None
    ) -> Generator[Event]:
        """Run what is missing; a task that fails stops only the figures that need it."""
        asked = [task for figure in self.figures for task in figure.needs(self.cells())]
        for event in run_tasks(asked, self.store, engine, workers):
            if event.state == "failed":
                self.failed[event.task.name] = event.message
            yield event

    def claims(self) -> list[Claim]:
        """Check every figure whose tables are there."""
        found = []
        for figure in self.figures:
            lacking = self._lacking(figure)
            if lacking:
                found.append(not_run(figure, lacking))
            else:
                found.append(claim_of(figure, figure.check(self.cells(), self.store)))
        return found

    def draw(self) -> Iterator[Path]:
        """Draw every figure whose tables are there, into out/figures/; yield the files."""
        ready = [figure for figure in self.figures if not self._lacking(figure)]
        yield from draw_figures(self.preset, ready, self.store.root, self.out / "figures")

    def check_folder(self) -> None:
        """Raises InputError where the folder holds the claims of another preset, or no claims."""
        for name in (CLAIMS, TRAP_CLAIMS):
            preset, _ = read_claims(self.out / name)
            if preset not in ("", self.preset.name):
                raise InputError(
                    f"{self.out / name} holds the claims of preset {preset}: give another --out for "
                    f"{self.preset.name}"
                )

    def save_claims(self, claims: Sequence[Claim], name: str = CLAIMS) -> Path:
        """out/NAME; claims of other figures that are there already are kept."""
        path = self.out / name
        self.check_folder()
        _, kept = read_claims(path)
        for claim in claims:
            kept[claim.figure] = claim
        rows = [kept[number] for number in sorted(kept)]
        return write_file(path, claims_json(self.preset.name, rows))

    def collect(self, folder: Path) -> Path:
        """All that this folder has come to, of every figure and trap, into one that can be kept: tables,
        claims and drawings, without weights. What that one has from an earlier time, of figures
        that are not done here and whose tables are still the preset's, stays.
        """
        whole = Reproduction(self.preset, [*FIGURES.values(), *TRAPS], self.out)
        claims = {
            name: self._claims_with(folder, name, figures)
            for name, figures in ((CLAIMS, tuple(FIGURES.values())), (TRAP_CLAIMS, TRAPS))
        }
        collect(folder, self.preset.name, whole.plan().tasks, self.store, claims)
        (folder / "figures").mkdir(exist_ok=True)
        for drawing in sorted((self.out / "figures").glob("*.png")):
            shutil.copyfile(drawing, folder / "figures" / drawing.name)
        return folder

    def _claims_with(self, folder: Path, name: str, figures: Sequence[Figure]) -> list[Claim]:
        """This folder's claims, and those that the other one has beyond them and all the tables of."""
        there = kept_cells(folder, self.preset.name)
        _, rows = read_claims(self.out / name)
        _, before = read_claims(folder / name)
        for figure in figures:
            ours = rows.get(figure.number)
            if figure.number not in before or (ours and ours.state != "not run"):
                continue
            needed = figure.needs(self.cells())
            if all(cell_name(task) in there for task in needed):
                rows[figure.number] = before[figure.number]
        return [rows[number] for number in sorted(rows)]

    def _lacking(self, figure: Figure) -> str:
        """Why a figure cannot be drawn: the first task that is not there; empty where all are."""
        for task in figure.needs(self.cells()):
            if not self.store.done(task):
                return self.failed.get(task.name, "not yet run")
        return ""
