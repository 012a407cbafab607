"""A model under measurement: a trained network or one of its snapshots, or one network for each level."""

from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from denoscope.checkpoints import describe_model
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import Denoiser, LevelwiseDenoiser
from denoscope.images import Pictures
from denoscope.sweeps import Store, TrainTask, study_pictures
from denoscope.training import DataRecord

__all__ = ["Subject", "View"]

MOST_HELD_OUT = 4000  # held-out pictures looked at, whatever the set has


class Subject(BaseModel):
    """Which model, and which pictures it is shown.

    trains: its training; several, of one set of pictures, are one denoiser for each level. kimg: the
    snapshot after so many thousand pictures; 0 the fresh network, None the end. beyond: held-out
    pictures come from outside the first `beyond` of the split, so that all networks of a study see
    the same. held_out: another set to take them from. bundled: instead of trainings, a model that
    comes with the package, on its own data. memory: instead of the network, the multi-delta of the
    same pictures: what a perfect memory of them would be, in the network's place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trains: tuple[TrainTask, ...] = ()
    kimg: float | None = None
    beyond: int = 0
    held_out: str | None = None
    bundled: str = ""
    memory: bool = False

    @field_validator("kimg")
    @classmethod
    def _end_is_none(cls, kimg: float | None, info: ValidationInfo) -> float | None:
        """The end of the training has one name, and so one measurement."""
        trains = info.data.get("trains")
        return None if trains and kimg == trains[0].settings.kimg else kimg

    @property
    def train(self) -> TrainTask:
        """The training (of the first level, where there are several)."""
        return self.trains[0]

    @property
    def data(self) -> DataRecord:
        return self.train.data

    @property
    def needs(self) -> tuple[TrainTask, ...]:
        """The trainings that must be done before it can be opened."""
        return () if self.memory else self.trains

    @property
    def seen_kimg(self) -> float:
        """Thousands of pictures seen in training."""
        return self.train.settings.kimg if self.kimg is None else self.kimg

    @property
    def words(self) -> str:
        """For the live table: "N=64 ddpmpp w24 @16"."""
        if self.bundled:
            return self.bundled
        if self.memory:
            return f"N={self.data.n} memory"
        network = self.train.settings.network
        level = (
            f" at {self.train.settings.level:g}"
            if len(self.trains) == 1 and self.train.settings.level
            else ""
        )
        at = "" if self.kimg is None else f" @{self.kimg:g}"
        return f"N={self.data.n} {network.arch} w{network.width}{level}{at}"

    def view(self, store: Store) -> "View":
        """The denoiser and its pictures, opened."""
        if self.bundled:
            return _bundled(self.bundled)
        train, held_out = study_pictures(self.data, self.beyond, self.held_out, MOST_HELD_OUT)
        denoiser: Denoiser
        if self.memory:
            denoiser = MultiDeltaDenoiser(train)
        elif len(self.trains) == 1:
            denoiser = self.train.denoiser(store, self.kimg)
        else:
            denoiser = LevelwiseDenoiser.of([train.denoiser(store) for train in self.trains])
        return View(denoiser, train, held_out)


@dataclass(frozen=True)
class View:
    """A denoiser on the table: its training pictures and pictures that it never saw."""

    denoiser: Denoiser
    train: Pictures
    held_out: Pictures

    @cached_property
    def gaussian(self) -> GaussianDenoiser:
        return GaussianDenoiser.fit(self.train)

    @cached_property
    def multi_delta(self) -> MultiDeltaDenoiser:
        return MultiDeltaDenoiser(self.train)


def _bundled(name: str) -> View:
    model = describe_model(f"bundled:{name}")
    assert model.record is not None  # ours always have one
    train, held_out = study_pictures(model.record.data, most=MOST_HELD_OUT)
    return View(model.denoiser, train, held_out)
