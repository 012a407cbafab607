"""A model that was trained elsewhere, in this project's own form: settings and weights, no pickle.

DIR/model.json             what it is: `ImportRecord`
DIR/weights.safetensors    its weights, float32, and its table of steps, float64, where it has one
"""

import json
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors.torch import save
from torch import Tensor

from denoscope.checkpoints.filling import filled_network
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.latent_space import LatentSpace
from denoscope.checkpoints.network import NetworkDenoiser
from denoscope.checkpoints.runs import ARCHITECTURE_CITATIONS, CITATIONS, read_weights
from denoscope.denoiser import Spec
from denoscope.errors import InputError
from denoscope.networks import IDDPMPreconditioning, NetworkSettings, TablePreconditioning
from denoscope.tables import write_file

__all__ = ["WEIGHTS", "ImportRecord", "ImportedModel", "first_problem", "imported_folder"]

RECORD, WEIGHTS = "model.json", "weights.safetensors"
SCHEMA = 1
MOST_BYTES = 2**20  # of a model.json; ours have some 1,000


def imported_folder(path: Path) -> Path | None:
    """The folder of `denoscope import` that `path` is, or whose weights it is; None where it is not."""
    folder = path.parent if path.name == WEIGHTS else path
    return folder if (folder / RECORD).is_file() else None


class ImportRecord(BaseModel):
    """model.json: everything needed to rebuild the network, and where it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: int = SCHEMA
    family: str = Field(max_length=200)
    """What made the file, its preconditioning and its architecture, in words."""
    network: NetworkSettings
    sigma_min: float = Field(gt=0)
    sigma_max: float = Field(gt=0)
    """The closed range of levels it was trained for."""
    source: str = Field(max_length=300)
    """Name of the file that was imported."""
    source_hash: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of that file."""
    trained_on: str = Field(default="", max_length=300)
    """What the file says of its training pictures."""

    assumed: str = Field(default="", max_length=300)
    """What the file does not say, and was taken as published with networks of its kind."""
    latents: LatentSpace | None = None
    """What it denoises, where that is no picture."""

    @model_validator(mode="after")
    def _range_rises(self) -> "ImportRecord":
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"levels from {self.sigma_min:g} to {self.sigma_max:g}")
        return self

    @classmethod
    def read(cls, path: Path) -> "ImportRecord":
        """The record in model.json. Raises InputError where it does not read."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
            content = json.loads(path.read_text(encoding="utf-8"))
            schema = content.get("schema_version") if isinstance(content, dict) else None
            if isinstance(schema, int) and schema != SCHEMA:
                raise ValueError(f"it has schema {schema}, this version reads {SCHEMA}")
            return cls.model_validate(content)
        except (ValueError, OSError, RecursionError) as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else shown(error)
            raise InputError(
                f"{path} cannot be read ({reason}): import the model again with `denoscope import`"
            ) from error


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong, short and on one line."""
    first = error.errors()[0]
    field = shown(".".join(map(str, first["loc"])))
    text = shown(first["msg"].removeprefix("Value error, "))
    return f"{field}: {text}" if field else text


class ImportedModel:
    """A network with what is known of it.

    Raises InputError where record and weights do not fit (`filled_network`). where: for messages.
    """

    def __init__(self, record: ImportRecord, weights: dict[str, Tensor], where: Path) -> None:
        self.record = record
        self.network = filled_network(record.network, weights, where)

    @classmethod
    def load(cls, folder: Path) -> "ImportedModel":
        """From a folder that `save` wrote. Raises InputError for one that is not whole."""
        path = folder / WEIGHTS
        if not path.is_file():
            raise InputError(f"{folder} holds no {WEIGHTS}: import the model again")
        return cls(ImportRecord.read(folder / RECORD), read_weights(path), path)

    def save(self, folder: Path) -> None:
        """Write both files; the record, which makes it a model, last."""
        weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        write_file(folder / WEIGHTS, save(weights))
        write_file(folder / RECORD, (self.record.model_dump_json(indent=2) + "\n").encode())

    @property
    def denoiser(self) -> NetworkDenoiser:
        """D(x; sigma), without an augmentation, and given no class where the network knows some.

        An iDDPM knows its 1,000 levels alone (`Spec.levels`), and a table those in it. Raises
        InputError for a table that is none.
        """
        record = self.record
        levels, low, high = None, record.sigma_min, record.sigma_max
        if record.network.preconditioning == "iddpm":
            levels = IDDPMPreconditioning.levels_like(torch.zeros(1, dtype=torch.float64))
        if isinstance(self.network, TablePreconditioning):
            schedule = self.network.schedule
            levels, low, high = schedule.levels, schedule.level_min, schedule.level_max
        network = record.network
        spec = Spec(
            name="network",
            shape=network.shape,
            sigma_min=low,
            sigma_max=high,
            levels=levels,
            citations=ARCHITECTURE_CITATIONS.get(network.arch, ())
            + CITATIONS[network.preconditioning],
        )
        return NetworkDenoiser(self.network, spec)
