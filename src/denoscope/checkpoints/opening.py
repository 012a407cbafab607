"""One door for models: `open_denoiser(where)`.

where: a run folder, one of its snapshots, a folder of runs that are each of one level,
`bundled:NAME`, `package.module:factory`, a folder of `denoscope distill`, an EDM pickle, a checkpoint
of guided-diffusion, a folder of `denoscope import`, or a folder of diffusers (a pipeline, or a bare
model with its scheduler) or its name on the hub, which may have a condition behind it:
`FOLDER#class=3`.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from denoscope.checkpoints.conditions import Condition, split_condition
from denoscope.checkpoints.diffusers_models.autoencoders import Autoencoder
from denoscope.checkpoints.diffusers_models.folders import is_diffusers_folder
from denoscope.checkpoints.diffusers_models.hub import fetched, is_hub_name
from denoscope.checkpoints.diffusers_models.models import open_diffusers
from denoscope.checkpoints.factories import open_factory
from denoscope.checkpoints.foreign.model_files import is_foreign_file, open_foreign_file
from denoscope.checkpoints.imported import WEIGHTS, ImportedModel, imported_folder
from denoscope.checkpoints.levelwise_runs import holds_runs, open_levels
from denoscope.checkpoints.runs import bundled_names, bundled_path, open_run
from denoscope.closed_form import LinearDenoiser
from denoscope.denoiser import Denoiser, LevelwiseDenoiser
from denoscope.errors import InputError
from denoscope.training import RunRecord

__all__ = ["Model", "describe_model", "open_denoiser"]

DISTILLATION, LINEAR = "distillation.json", "linear.safetensors"
FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Model:
    """A denoiser and what is known of it.

    `record` is there where the run is our own; of several runs, one a level, it is that of the
    highest.
    """

    denoiser: Denoiser
    where: str
    family: str
    parameters: int | None = None
    content_hash: str = ""
    record: RunRecord | None = None
    trained_on: str = ""
    """What a foreign file says of its training pictures."""
    assumed: str = ""
    """What a foreign file does not say, and was taken as published with its kind."""
    condition: str = ""
    """What the model was conditioned on, where it can be."""
    autoencoder: Autoencoder | None = None
    """Whose latents the denoiser takes, where it takes latents of pictures."""

    @property
    def pictures(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures that it is about: the denoiser's own, or those it takes latents of."""
        shape = self.denoiser.spec.shape
        return shape if self.autoencoder is None else self.autoencoder.note.pictures


def open_denoiser(where: str | os.PathLike[str], *, trust_remote_code: bool = False) -> Denoiser:
    """The denoiser at `where`. Raises InputError that says what is allowed.

    trust_remote_code: whether the network of a folder of diffusers may be of a class in the folder's
    own code. It is run then, with all that you may do, after a line on stderr has named its files.
    Nothing else is allowed by it.
    """
    return describe_model(where, trust_remote_code=trust_remote_code).denoiser


def describe_model(where: str | os.PathLike[str], *, trust_remote_code: bool = False) -> Model:
    """The denoiser at `where` and its provenance; as `open_denoiser`."""
    text = os.fspath(where)
    place, condition = split_condition(text)
    path = fetched(place, trust_remote_code) if is_hub_name(place) else Path(place)
    if is_diffusers_folder(path):
        return _diffusers(path, text, condition, trust_remote_code)
    if condition:
        raise InputError(
            f"{place} takes no condition, models of diffusers alone do: leave away what is behind the #"
        )
    if text.startswith("bundled:"):
        path = bundled_path(text.removeprefix("bundled:"))
    if _is_distillation(path):
        return _distillation(path, text)
    if holds_runs(path):
        return _levelwise(path, text)
    if is_foreign_file(path):
        imported = open_foreign_file(path)
        return _imported(imported, text, imported.record.source_hash)
    if folder := imported_folder(path):
        imported = ImportedModel.load(folder)
        return _imported(
            imported, text, hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
        )
    if path.exists():
        denoiser, record, weights = open_run(path)
        return Model(
            denoiser=denoiser,
            where=text,
            family=f"denoscope run ({record.settings.network.arch})",
            parameters=sum(p.numel() for p in denoiser.network.parameters()),
            content_hash=hashlib.sha256(weights.read_bytes()).hexdigest(),
            record=record,
        )
    if FACTORY.fullmatch(text):
        return Model(denoiser=open_factory(text), where=text, family="python factory")
    raise InputError(
        f"no model at {text!r}: give a run folder, a snapshot of one, an EDM pickle (.pkl), a torch file "
        "(.pt), a diffusers folder, the name of one on the hub (owner/name), package.module:factory, or "
        + ", ".join(f"bundled:{name}" for name in bundled_names())
    )


def _levelwise(path: Path, text: str) -> Model:
    denoisers, records, weights = zip(*open_levels(path), strict=True)
    archs = dict.fromkeys(record.settings.network.arch for record in records)
    return Model(
        denoiser=LevelwiseDenoiser.of(denoisers, name="network"),
        where=text,
        family=f"denoscope runs, one a level ({', '.join(archs)})",
        parameters=sum(p.numel() for one in denoisers for p in one.network.parameters()),
        content_hash=hashlib.sha256(b"".join(one.read_bytes() for one in weights)).hexdigest(),
        record=records[0],
    )


def _imported(model: ImportedModel, text: str, content_hash: str) -> Model:
    network = model.record.network
    classes = network.label_dim
    always = ", though it was always given one in training" if network.arch == "guided" else ""
    return Model(
        denoiser=model.denoiser,
        where=text,
        family=model.record.family,
        parameters=sum(p.numel() for p in model.network.parameters()),
        content_hash=content_hash,
        trained_on=model.record.trained_on,
        assumed=model.record.assumed,
        condition=f"none of its {classes} classes{always}" if classes else "",
    )


def _diffusers(path: Path, text: str, condition: Condition, trusted: bool) -> Model:
    model = open_diffusers(path, condition, trusted)
    return Model(
        denoiser=model.denoiser,
        where=text,
        family=model.family,
        parameters=model.parameters,
        content_hash=model.content_hash,
        condition=model.condition,
        autoencoder=model.autoencoder,
    )


def _is_distillation(path: Path) -> bool:
    """Whether this is a folder that `denoscope distill` made, or the linear denoiser in it."""
    return (path / DISTILLATION).is_file() or (path.name == LINEAR and path.is_file())


def _distillation(path: Path, text: str) -> Model:
    weights = path / LINEAR if path.is_dir() else path
    if not weights.is_file():
        raise InputError(
            f"{path} holds a distillation that is not finished: run `denoscope distill` with the "
            "same words to end it"
        )
    denoiser = LinearDenoiser.load(weights)
    return Model(
        denoiser=denoiser,
        where=text,
        family="linear distillation",
        parameters=denoiser.matrices.numel() + denoiser.biases.numel(),
        content_hash=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )
