"""A cell of a study: data, size, N, seed and settings; trained where its weights are missing, audited
where an audit is missing. What is there is never done twice, so a study can be stopped at any moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from denoscope.auditing import Audit, audit
from denoscope.checkpoints import Model, describe_model
from denoscope.errors import InputError
from denoscope.images import Pictures, open_images
from denoscope.networks import NetworkSettings
from denoscope.tables import ModelNote
from denoscope.training import DataRecord, RunRecord, TrainSettings, train

HELD_OUT = 2000  # of a ladder: more are not looked at, and finding duplicates takes its time

__all__ = ["Cell", "audit_cell", "audit_denoiser", "opened", "train_cell"]


@dataclass(frozen=True)
class Cell:
    """One training. where, size: as `open_images` takes them. seed: of the split and of the training."""

    where: str
    size: int | None
    n: int
    seed: int = 0
    width: int = 32
    multipliers: tuple[int, ...] = (1, 2, 2)
    kimg: float = 192
    batch: int = 32
    snapshots: tuple[float, ...] = ()
    precision: str = "bf16"

    def settings(self, shape: tuple[int, int, int]) -> TrainSettings:
        network = NetworkSettings(
            arch="ddpmpp",
            shape=shape,
            width=self.width,
            multipliers=self.multipliers,
            blocks=1,
            attention=(),
            dropout=0.0,
        )
        return TrainSettings(
            network=network,
            kimg=self.kimg,
            batch=self.batch,
            precision=self.precision,  # type: ignore[arg-type]
            snapshots_kimg=self.snapshots,
            seed=self.seed,
        )

    def record(self) -> DataRecord:
        return DataRecord.of(
            opened(self.where, self.size),
            self.n,
            where=self.where,
            size=self.size,
            split_seed=self.seed,
        )

    def split(self) -> tuple[Pictures, Pictures]:
        """(train, held_out)."""
        return self.record().split(opened(self.where, self.size))


@cache
def opened(where: str, size: int | None) -> Pictures:
    """The whole set, opened once a process."""
    return open_images(where, size=size)


def train_cell(cell: Cell, folder: Path) -> Path:
    """Train the cell into `folder` unless its weights are there; a run that was cut short goes on.

    Raises InputError where `folder` holds a finished run of other pictures.
    """
    if (folder / "weights.safetensors").is_file():
        there, asked = RunRecord.read(folder / "run.json").data, cell.record()
        if (there.fingerprint, there.n, there.split_seed) != (
            asked.fingerprint,
            asked.n,
            asked.split_seed,
        ):
            raise InputError(
                f"{folder} was trained on {there.n} of {there.name} (split seed "
                f"{there.split_seed}), the study asks for {cell.n} of {cell.where} ({cell.seed}): "
                "give another folder"
            )
        return folder
    pictures, _ = cell.split()
    for _ in train(
        cell.settings(pictures.shape), pictures, folder, data=cell.record(), resume=True
    ):
        pass
    return folder


def audit_cell(
    model: Path,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    pictures: int = 200,
    samples: int = 100,
    beyond: int | None = None,
    again: bool = False,
) -> dict[int, Audit]:
    """Audits of a run, or of one of its snapshots, by sampling seed: RUN/audits/NAME-seed-S.

    beyond: take held-out pictures from outside the first `beyond` of the split, as a ladder does with
    its largest N: all its networks are then shown the same pictures under the same noise. again:
    measure anew what is there already, as after a change of the rule.
    """
    run = model if model.is_dir() else model.parent.parent
    name = "weights" if model.is_dir() else model.stem
    name += f"-beyond-{beyond}" if beyond else ""
    found: dict[int, Audit] = {}
    opened_model: Model | None = None
    for seed in seeds:
        out = run / "audits" / f"{name}-seed-{seed}"
        if not (out / "summary.json").is_file() or again:
            opened_model = opened_model or describe_model(model)
            made = audit_denoiser(
                opened_model, seed, pictures=pictures, samples=samples, beyond=beyond
            )
            made.save(out, overwrite=True)
        found[seed] = Audit.load(out)
    return found


def audit_denoiser(
    model: Model, seed: int, *, pictures: int, samples: int, beyond: int | None = None
) -> Audit:
    """Audit one of our own runs on the split that its record names; `beyond`: see `audit_cell`."""
    if model.record is None:
        raise InputError(f"{model.where} brings no record of its data: give a run of ours")
    data = model.record.data
    whole = opened(data.where, data.size)
    train_set, held_out = data.split(whole)
    if beyond:
        held_out = whole.split(max(beyond, data.n), data.split_seed)[1].take(slice(0, HELD_OUT))
    return audit(
        model.denoiser,
        train_set,
        held_out,
        seed=seed,
        pictures=pictures,
        samples=samples,
        model=ModelNote(
            where=Path(model.where).name,
            family=model.family,
            name=model.denoiser.spec.name,
            hash=model.content_hash,
            parameters=model.parameters,
        ),
        data_where=data.where,
        split_seed=data.split_seed,
    )
