"""A study: data, base settings and axes, read from TOML, and the tasks they expand to.

[data]
where = "fashion-mnist"
size = 16

[network]                      # as NetworkSettings, without the shape
width = 24

[training]                     # as TrainSettings, without network and seed
kimg = 128

[[axes]]                       # every combination of its lists; blocks are added up
images = [64, 256, 1024]
kimg = [8, 32, 128]

[audit]
seeds = [0, 1, 2]
"""

import difflib
import itertools
import math
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from denoscope.errors import InputError
from denoscope.images import NAMED, Pictures, open_images
from denoscope.networks import NetworkSettings
from denoscope.networks.settings import ELSEWHERE, Architecture
from denoscope.sweeps.auditing import AuditTask
from denoscope.sweeps.training import TrainTask
from denoscope.training import DataRecord, TrainSettings

__all__ = ["AuditWords", "Axes", "DataWords", "Study"]

LEAST_HELD_OUT = 2


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataWords(_Words):
    """[data]: which pictures."""

    where: str
    """A named set, a folder, a zip, an npz, or hf:owner/name; a path is relative to the study's file."""
    size: int | None = Field(default=None, ge=1)
    """Bring pictures to this height and width; as stored where it is left out."""


class Axes(_Words):
    """[[axes]]: one training for every combination of the lists, `kimg` aside."""

    images: tuple[int, ...] = Field(min_length=1)
    """Training pictures, N."""
    widths: tuple[int, ...] = ()
    """Base channels; [network] width where it is left out."""
    archs: tuple[Architecture, ...] = ()
    """Architectures; [network] arch where it is left out."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Of the split and of the training, together."""
    twins: bool = False
    """Train on two disjoint sets of N each. The first is the set without twins."""
    kimg: tuple[float, ...] = ()
    """Audit after these many thousand pictures: 0 for the untrained network, [training] kimg for the
    end. Weights are kept at each. The end alone where it is left out."""


class AuditWords(_Words):
    """[audit]: how each network is audited."""

    pictures: int = Field(default=200, ge=2)
    """Training and held-out pictures denoised, each."""
    samples: int = Field(default=100, ge=0)
    """Pictures sampled and searched for copies."""
    levels: int = Field(default=10, ge=1)
    """Noise levels, on the Karras grid."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """One audit for each seed of the noise."""
    beyond: int | None = Field(default=None, ge=1)
    """Held-out pictures lie outside the first so many of the split, by default the largest training
    set. Name a larger one at first, and the ladder can grow without new audits."""


class Study(_Words):
    """What study.toml says. `audits` gives its tasks."""

    data: DataWords
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}
    axes: tuple[Axes, ...] = Field(min_length=1)
    audit: AuditWords = AuditWords()

    @classmethod
    def read(cls, path: str | Path) -> "Study":
        """The study in a TOML file. Raises InputError, one line, for a file that does not read, an
        unknown key (naming the nearest that is valid), or a value of the wrong type."""
        file = Path(path).expanduser()
        try:
            words = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read ({error}): give a study in TOML") from error
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path} is no TOML: {error}") from error
        _refuse_unknown(words, file)
        with _told(f"{file}: "):
            study = cls.model_validate(words)
        where = study.data.where
        if where not in NAMED and (file.parent / where).exists():
            where = str((file.parent / where).resolve())
        return study.model_copy(update={"data": study.data.model_copy(update={"where": where})})

    def audits(self, whole: Pictures | None = None) -> list[AuditTask]:
        """Every audit of the study, each once, in the order of the file; they need its trainings.

        whole: the data, where they are open already. Raises InputError for settings that make no
        network, and for more training pictures than leave some held out.
        """
        whole = whole or open_images(self.data.where, size=self.data.size)
        beyond = self._beyond(len(whole))
        planned = [(t, block.kimg) for block in self.axes for t in self._trainings(block, whole)]
        kept: dict[str, set[float]] = {}
        for train, lengths in planned:
            kept.setdefault(train.name, set(train.settings.snapshots_kimg)).update(lengths)
        found: dict[str, AuditTask] = {}
        for bare, lengths in planned:
            train = _keeping(bare, kept[bare.name])
            for kimg, seed in itertools.product(lengths or (None,), self.audit.seeds):
                task = AuditTask(
                    train=train,
                    kimg=kimg,
                    seed=seed,
                    beyond=beyond,
                    **self.audit.model_dump(exclude={"seeds", "beyond"}),
                )
                found.setdefault(task.name, task)
        return list(found.values())

    def _beyond(self, whole: int) -> int:
        """How many pictures of the split some training may see; the others are held out."""
        sets, n = max(
            ((2 if block.twins else 1, n) for block in self.axes for n in block.images),
            key=math.prod,
        )
        if sets * n > whole - LEAST_HELD_OUT:
            raise InputError(
                f"[[axes]] images: {sets} x {n} of {whole} pictures leave none held out: "
                f"give at most {(whole - LEAST_HELD_OUT) // sets}"
            )
        beyond = sets * n if self.audit.beyond is None else self.audit.beyond
        if not sets * n <= beyond <= whole - LEAST_HELD_OUT:
            raise InputError(
                f"[audit] beyond: {beyond} pictures are kept for training, {sets * n} are needed: "
                f"give {sets * n} to {whole - LEAST_HELD_OUT}"
            )
        return beyond

    def _trainings(self, block: Axes, whole: Pictures) -> Iterator[TrainTask]:
        for seed, arch, width, n, twin in itertools.product(
            block.seeds,
            block.archs or (None,),
            block.widths or (None,),
            block.images,
            (None, 2) if block.twins else (None,),
        ):
            yield TrainTask(
                settings=self._settings(whole, arch, width, seed),
                data=DataRecord.of(
                    whole,
                    n,
                    where=self.data.where,
                    size=self.data.size,
                    split_seed=seed,
                    twin=twin,
                ),
            )

    def _settings(
        self, whole: Pictures, arch: str | None, width: int | None, seed: int
    ) -> TrainSettings:
        network = {"arch": "ddpmpp", **self.network, "shape": whole.shape}
        network |= {"arch": arch} if arch else {}
        network |= {"width": width} if width else {}
        with _told("[network] "):
            built = NetworkSettings(**network)
        with _told("[training] "):
            return TrainSettings(network=built, seed=seed, **self.training)


def _keeping(train: TrainTask, lengths: set[float]) -> TrainTask:
    """The training, with weights kept at all these lengths."""
    inner = tuple(sorted(lengths - {0, train.settings.kimg}))
    words: dict[str, Any] = dict(train.settings) | {"snapshots_kimg": inner}
    with _told("[[axes]] kimg: "):
        return TrainTask(settings=TrainSettings(**words), data=train.data)


TABLES: dict[str, set[str]] = {
    "": set(Study.model_fields),
    "data": set(DataWords.model_fields),
    # less the picture's shape, and what networks trained elsewhere alone have
    "network": set(NetworkSettings.model_fields) - {"shape", "steps", *ELSEWHERE},
    "training": set(TrainSettings.model_fields) - {"network", "seed"},
    "axes": set(Axes.model_fields),
    "audit": set(AuditWords.model_fields),
}


def _refuse_unknown(words: dict[str, Any], file: Path) -> None:
    for name, table in {"": words, **words}.items():
        for block in table if isinstance(table, list) else [table]:
            for key in block if isinstance(block, dict) else ():
                if key not in TABLES.get(name, (key,)):
                    allowed = sorted(TABLES[name])
                    near = difflib.get_close_matches(key, allowed, 1, 0.6)
                    hint = f"did you mean {near[0]}?" if near else f"use {', '.join(allowed)}"
                    place = f" in [{name}]" if name else ""
                    raise InputError(f"{file}: unknown key {key!r}{place}; {hint}")


@contextmanager
def _told(place: str) -> Iterator[None]:
    """What pydantic finds first, in one line."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        given = f", not {first['input']!r}" if isinstance(first["input"], int | float | str) else ""
        words = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}{f'{key}: ' if key else ''}{words}{given}") from error
