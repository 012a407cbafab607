"""A training as a task: its result is a run folder, as `denoscope train` leaves it."""

from collections.abc import Callable
from typing import ClassVar, Literal

from denoscope.checkpoints import NetworkDenoiser
from denoscope.checkpoints.runs import open_run, untrained_run
from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.sweeps.cost import step_seconds
from denoscope.sweeps.pictures import study_pictures
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task
from denoscope.tables import write_file
from denoscope.training import DataRecord, RunRecord, TrainSettings, train
from denoscope.training.folder import snapshot_path

__all__ = ["TrainTask"]


class TrainTask(Task):
    """Train a network on N pictures. Killed at any moment, it goes on to the same weights."""

    kind: ClassVar[str] = "train"
    ends_with: ClassVar[str] = "weights.safetensors"
    settings: TrainSettings
    data: DataRecord

    @classmethod
    def of(
        cls,
        settings: TrainSettings,
        pictures: Pictures,
        n: int,
        *,
        where: str,
        size: int | None = None,
        split_seed: int = 0,
        twin: Literal[1, 2] | None = None,
    ) -> "TrainTask":
        """On the first n of `pictures` (the whole set, opened at `where`), or on one of two twins."""
        data = DataRecord.of(pictures, n, where=where, size=size, split_seed=split_seed, twin=twin)
        return cls(settings=settings, data=data)

    def slug(self) -> str:
        network, data = self.settings.network, self.data
        twin = f"-twin{data.twin}" if data.twin else ""
        return (
            f"{network.shape[-1]}px-n{data.n}{twin}-{network.arch}-w{network.width}"
            f"-{self.settings.kimg:g}k-s{self.settings.seed}"
        )

    def seconds(self) -> float:
        return self.settings.steps * step_seconds(self.settings.network, self.settings.batch)

    def run(self, store: Store, report: Callable[[float], None]) -> None:
        folder = store.folder(self)
        pictures, _ = study_pictures(self.data, most=0)
        record = folder / "run.json"
        if record.exists() and (before := RunRecord.read(record)).data != self.data:
            # The same pictures, now found elsewhere.
            before.data = self.data
            write_file(record, before.model_dump_json(indent=2).encode())
        for progress in train(self.settings, pictures, folder, data=self.data, resume=True):
            report(progress.pictures / progress.total)

    def denoiser(self, store: Store, kimg: float | None = None) -> NetworkDenoiser:
        """The trained network, or as it was after `kimg` thousand pictures.

        kimg: one of the snapshots; 0 for the network as initialised, before any step; None or the
        settings' own for the end. Raises InputError for another one, or where it is not trained.
        """
        settings = self.settings
        if kimg == 0:
            return untrained_run(settings)
        if kimg is None or kimg == settings.kimg:
            return open_run(store.folder(self))[0]
        if kimg not in settings.snapshots_kimg:
            told = ", ".join(f"{k:g}" for k in (0, *settings.snapshots_kimg, settings.kimg))
            raise InputError(f"{self.name} keeps no weights at {kimg:g} kimg: choose from {told}")
        return open_run(snapshot_path(store.folder(self), kimg))[0]
