"""An audit of a trained network as a task: its result is an audit folder."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import polars as pl
import torch
from pydantic import Field, ValidationInfo, field_validator

from denoscope.auditing import Audit, audit, count_evaluations
from denoscope.noise import karras_levels
from denoscope.sweeps.cost import RATE, evaluation_seconds
from denoscope.sweeps.pictures import study_pictures
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task
from denoscope.sweeps.training import TrainTask
from denoscope.tables import ModelNote

__all__ = ["HELD_OUT", "AuditTask"]

HELD_OUT = 2000  # more are not looked at, and finding their duplicates takes its time
OVERHEAD = 3.0  # seconds: opening, duplicates, statistics


class AuditTask(Task):
    """Audit a network at the end of its training, or at one of its snapshots."""

    kind: ClassVar[str] = "audit"
    train: TrainTask
    kimg: float | None = None
    """As in `TrainTask.denoiser`: a snapshot, 0 for the untrained network, None for the end."""
    pictures: int = Field(default=200, ge=2)
    samples: int = Field(default=100, ge=0)
    levels: int = Field(default=10, ge=1)
    seed: int = Field(default=0, ge=0)
    beyond: int = Field(default=0, ge=0)
    """Held-out pictures lie outside the first `beyond` of the split (and outside the training set
    and its twin): all cells of a ladder see the same ones under the same noise."""
    held_out: str | None = None
    """Another set to take them from, as `open_images` names it."""

    @field_validator("kimg")
    @classmethod
    def _kept(cls, kimg: float | None, known: ValidationInfo) -> float | None:
        settings = known.data["train"].settings if "train" in known.data else None
        if kimg is None or settings is None or kimg == settings.kimg:
            return None
        if kimg not in (0, *settings.snapshots_kimg):
            raise ValueError(f"no weights are kept at {kimg:g} kimg: take one of the snapshots")
        return kimg

    def needs(self) -> tuple[Task, ...]:
        return () if self.kimg == 0 else (self.train,)

    def slug(self) -> str:
        at = "" if self.kimg is None else f"-at{self.kimg:g}"
        return f"{self.train.slug()}{at}-seed{self.seed}"

    def seconds(self) -> float:
        n, network = self.train.data.n, self.train.settings.network
        made = count_evaluations(self.levels, n, HELD_OUT, self.pictures, self.samples)
        closed_forms = 4 * n * math.prod(network.shape) / RATE
        return OVERHEAD + made * (evaluation_seconds(network) + closed_forms)

    def run(self, store: Store, report: Callable[[float], None]) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        data = self.train.data
        train, held_out = study_pictures(data, self.beyond, self.held_out, HELD_OUT)
        denoiser = self.train.denoiser(store, self.kimg).to(device)
        total = count_evaluations(
            self.levels, len(train), len(held_out), self.pictures, self.samples
        )
        made = 0

        def count(evaluations: int) -> None:
            nonlocal made
            made += evaluations
            report(min(1.0, made / total))

        found = audit(
            denoiser,
            train,
            held_out,
            levels=karras_levels(self.levels),
            seed=self.seed,
            pictures=self.pictures,
            samples=self.samples,
            device=device,
            model=ModelNote(
                where=self.train.name,
                family=f"denoscope run ({self.train.settings.network.arch})",
                name=denoiser.spec.name,
                parameters=sum(p.numel() for p in denoiser.network.parameters()),
            ),
            data_where=data.where,
            split_seed=data.split_seed,
            on_evaluations=count,
        )
        with store.writing(self) as folder:
            _in_cell(found, self.cell).save(folder)

    @property
    def cell(self) -> str:
        """Which network, as tables name it: the training, and where it stood."""
        return self.train.name if self.kimg is None else f"{self.train.name}@{self.kimg:g}"


def _in_cell(found: Audit, cell: str) -> Audit:
    column = pl.lit(cell).alias("cell")
    tables = found.tables
    frames = {
        name: getattr(tables, name).with_columns(column)
        for name in ("measurements", "values", "samples")
    }
    return Audit(replace(tables, **frames))
