"""What a training is, as data: settings, the pictures it sees, and the record kept beside weights."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.networks import NetworkSettings

__all__ = ["RUN_SCHEMA", "DataRecord", "RunRecord", "TrainSettings"]

RUN_SCHEMA = 1
MOST_BYTES = 2**20  # of a run.json; ours have some 2,000


class TrainSettings(BaseModel):
    """How a network is trained (Karras et al. 2022, table 1 and appendix F.2; Adam as there)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: NetworkSettings
    kimg: float = Field(default=200.0, gt=0)
    """Length: thousands of pictures seen, counted with repetition."""
    batch: int = Field(default=64, ge=1)
    """Pictures a step, over all processes."""
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_kimg: float = Field(default=5.0, ge=0)
    """The rate rises linearly to `learning_rate` over these pictures."""
    ema_half_life_kimg: float = Field(default=500.0, gt=0)
    """Half-life of the averaged weights; never more than 5 % of the pictures seen."""
    p_mean: float = -1.2
    p_std: float = Field(default=1.2, gt=0)
    """ln sigma ~ N(p_mean, p_std^2), under EDM's preconditioning; VP and VE have laws of their own."""
    level: float | None = Field(default=None, gt=0, validate_default=True)
    """The one sigma of a network without preconditioning (a DAE); None for all others."""
    augment: Literal["none", "flip"] = "none"
    """"flip" mirrors half of the pictures left to right. Off by default: it changes what memorization means."""
    precision: Literal["fp32", "bf16"] = "fp32"
    snapshots_kimg: tuple[float, ...] = ()
    """Averaged weights are kept at these counts too, for curves over training length."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _snapshots_inside(self) -> "TrainSettings":
        stray = [s for s in self.snapshots_kimg if not 0 < s <= self.kimg]
        if stray:
            raise ValueError(f"snapshots at {stray} kimg lie outside the run of {self.kimg:g} kimg")
        if len({self.step_of(s) for s in self.snapshots_kimg}) < len(self.snapshots_kimg):
            raise ValueError(
                f"snapshots at {self.snapshots_kimg} kimg fall into one step of {self.batch} pictures"
            )
        return self

    @field_validator("level")
    @classmethod
    def _level_of_a_dae(cls, level: float | None, info: Any) -> float | None:
        network = info.data.get("network")
        if network is None:  # wrong, as its own field says
            return level
        if network.preconditioning == "none" and level is None:
            raise ValueError(
                f"{network.arch} without preconditioning is trained at one noise level: give it"
            )
        if network.preconditioning != "none" and level is not None:
            raise ValueError(
                f"the preconditioning {network.preconditioning} draws its levels itself: leave it "
                "out, or take the preconditioning none"
            )
        return level

    @field_validator("network")
    @classmethod
    def _has_a_loss(cls, network: NetworkSettings) -> NetworkSettings:
        if network.trained_elsewhere:
            raise ValueError(
                f"{network.arch} with the preconditioning {network.preconditioning} is for models "
                "trained elsewhere: train one of the other architectures with edm, vp or ve"
            )
        return network

    @model_validator(mode="after")
    def _law_of_edm(self) -> "TrainSettings":
        if self.network.preconditioning != "edm" and (self.p_mean, self.p_std) != (-1.2, 1.2):
            raise ValueError(
                "p_mean and p_std are of the preconditioning edm alone: leave them out"
            )
        return self

    @property
    def steps(self) -> int:
        return self.step_of(self.kimg)

    def step_of(self, kimg: float) -> int:
        """The step after which at least `kimg` thousand pictures were seen."""
        return max(1, -(-round(kimg * 1000) // self.batch))


class DataRecord(BaseModel):
    """Which pictures a model was trained on: enough to open them again, and to notice if they changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: str
    """As given to `open_images`."""
    size: int | None = None
    """As given to `open_images`."""
    name: str
    fingerprint: str
    """Of the whole set, before the split."""
    n: int = Field(ge=1)
    """Training pictures."""
    split_seed: int = 0
    twin: Literal[1, 2] | None = None
    """Which of two disjoint halves; None: an ordinary split."""

    @classmethod
    def of(
        cls,
        pictures: Pictures,
        n: int,
        *,
        where: str,
        size: int | None = None,
        split_seed: int = 0,
        twin: Literal[1, 2] | None = None,
    ) -> "DataRecord":
        return cls(
            where=where,
            size=size,
            name=pictures.source,
            fingerprint=pictures.fingerprint,
            n=n,
            split_seed=split_seed,
            twin=twin,
        )

    def split(self, pictures: Pictures) -> tuple[Pictures, Pictures]:
        """(train, held_out) of this record, from the whole set.

        Raises InputError where the pictures are not those of the record.
        """
        if pictures.fingerprint != self.fingerprint:
            raise InputError(
                f"the model was trained on {self.name} (fingerprint {self.fingerprint[:12]}), "
                "the data given is "
                f"{pictures.source} (fingerprint {pictures.fingerprint[:12]}): give the pictures "
                "it was trained on"
            )
        if self.twin is None:
            return pictures.split(self.n, self.split_seed)
        one, two, held_out = pictures.twins(self.n, self.split_seed)
        return (one if self.twin == 1 else two), held_out


class RunRecord(BaseModel):
    """run.json: everything needed to rebuild the network, repeat the run and audit it."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = RUN_SCHEMA
    settings: TrainSettings
    data: DataRecord
    versions: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "RunRecord":
        """The record in run.json. Raises InputError where it does not read, or is of another schema."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
            content = json.loads(path.read_text(encoding="utf-8"))
            schema = content.get("schema_version") if isinstance(content, dict) else None
            if isinstance(schema, int) and schema != RUN_SCHEMA:
                raise InputError(
                    f"{path} has schema {schema}, this version reads {RUN_SCHEMA}: "
                    "use the denoscope that wrote it"
                )
            return cls.model_validate(content)
        except InputError:
            raise
        except (ValueError, OSError, RecursionError) as error:
            reason = str(error)
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise InputError(
                f"{path} cannot be read ({reason}): restore it from a copy, or train again"
            ) from error
