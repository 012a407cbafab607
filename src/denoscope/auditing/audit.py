"""`audit`: levels x denoisers x inputs once, every metric, the tables, the verdict."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from denoscope.auditing.arithmetic import Hastened, cost_told
from denoscope.auditing.bench import bench_for
from denoscope.auditing.copies import sample_evidence
from denoscope.auditing.evidence import data_warnings, headline_figures
from denoscope.auditing.flags import level_note
from denoscope.auditing.inputs import check_sets, chosen, input_batches
from denoscope.auditing.measuring import Level, audit_levels, measure
from denoscope.auditing.recorder import Key, Recorder
from denoscope.auditing.showing import shown_pictures
from denoscope.auditing.signals import read_signals
from denoscope.auditing.verdict import decide
from denoscope.checkpoints import Autoencoder
from denoscope.denoiser import Denoiser, check_denoiser
from denoscope.errors import InputError
from denoscope.images import (
    Contained,
    DuplicateGroups,
    Pictures,
    contained,
    near_duplicate_groups,
)
from denoscope.metrics import difference_of_means
from denoscope.noise import karras_levels
from denoscope.tables import (
    AuditTables,
    DataNote,
    ModelNote,
    Provenance,
    Summary,
    Verdict,
    read_audit,
    write_audit,
)

__all__ = ["Audit", "audit", "count_evaluations"]

PAPER = (
    "Li, Dai, Qu: Understanding Generalizability of Diffusion Models Requires Rethinking the "
    "Hidden Gaussian "
    "Structure. NeurIPS 2024. arXiv:2410.24060"
)
COPY_RULE = (
    "Gu, Du, Pang, Li, Lin, Wang: On Memorization in Diffusion Models. 2023. arXiv:2310.02664"
)


@dataclass(frozen=True)
class Audit:
    """A finished audit: its tables, and shortcuts to what is asked first."""

    tables: AuditTables

    @property
    def verdict(self) -> Verdict:
        return self.tables.summary.verdict

    @property
    def table(self) -> pl.DataFrame:
        """measurements.parquet: one row a metric, denoiser, kind of input and level."""
        return self.tables.measurements

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the audit folder, whole or not at all."""
        return write_audit(folder, self.tables, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path) -> "Audit":
        return cls(read_audit(folder))


def count_evaluations(
    n_levels: int, n_train: int, n_held_out: int, pictures: int, samples: int
) -> int:
    """Network evaluations (pictures x levels) that an audit makes."""
    train, held_out, draws = (
        min(pictures, n_train),
        min(pictures, n_held_out),
        max(2, pictures // 2),
    )
    return n_levels * (train + held_out + held_out // 2 + draws + draws // 2 + samples)


def audit(
    denoiser: Denoiser,
    train: Pictures,
    held_out: Pictures | None = None,
    *,
    levels: Tensor | None = None,
    seed: int = 0,
    pictures: int = 200,
    samples: int = 100,
    batch: int | None = None,
    precision: str = "fp32",
    compiled: bool = False,
    device: torch.device | str = "cpu",
    model: ModelNote | None = None,
    autoencoder: Autoencoder | None = None,
    data_where: str = "",
    split_seed: int | None = None,
    command: Sequence[str] = (),
    on_evaluations: Callable[[int], None] | None = None,
) -> Audit:
    """Measure a denoiser against the Gaussian and the multi-delta of its own training set.

    denoiser: on `device`. train: the pictures it was trained on, all of them. held_out: pictures of
    the same kind that it never saw; without them the evidence is reduced, and the audit says so.
    levels: sigmas (L,), by default the ten of the paper. pictures: how many training and held-out
    pictures are denoised (half as many draws of noise). samples: pictures sampled by Euler over the
    levels. batch: pictures in a call of the network, by default as many as suit the device
    (`batch_for`); results do not depend on it beyond rounding. precision: "fp32" or "bf16", of the
    network; compiled: by torch.compile; what either costs in accuracy is told in the provenance.
    autoencoder: of a model of latents, train and held_out being what its `latents` made of pictures:
    the report shows what it decodes. on_evaluations: called with the number of network evaluations
    just made.

    Raises InputError where sizes do not fit or a set is empty, RunError where the model returns
    values that are not finite.
    """
    started = time.perf_counter()
    check_denoiser(denoiser)
    held_out = held_out if held_out is not None and len(held_out) else None
    check_sets(denoiser, train, held_out)
    if pictures < 2 or samples < 0 or (batch is not None and batch < 1):
        raise InputError(
            f"{pictures} pictures, {samples} samples, batches of {batch} asked: give at least 2, 0 and 1"
        )
    asked = audit_levels(denoiser, karras_levels(10) if levels is None else levels)
    device, arithmetic, family = torch.device(device), "", type(denoiser).__name__
    if precision != "fp32" or compiled:
        fast = Hastened(denoiser, precision, compiled)
        used = [level.used for level in asked]
        arithmetic = cost_told(denoiser, fast, train, used, seed, str(device))
        denoiser = fast
    bench = bench_for(denoiser, train, device, on_evaluations or (lambda n: None), batch)
    groups, overlap = _duplicates(train, held_out)
    recorder = Recorder(seed)

    new = chosen(held_out, max(pictures, samples), seed) if held_out is not None else None
    shown: dict[str, list[Tensor]] = {}
    for kind, source in (
        ("train", chosen(train, pictures, seed)),
        ("held_out", new),
        ("noise", None),
    ):
        if kind == "held_out" and source is None:
            continue
        count = max(2, pictures // 2) if source is None else min(pictures, len(source))
        batches = input_batches(kind, source, count, train.shape, seed=seed)
        answers = measure(bench, batches, asked, recorder)
        shown = answers if kind == "held_out" or not shown else shown
    _record_gaps(recorder, asked)

    labels = groups.labels if groups is not None else torch.arange(len(train))
    evidence = sample_evidence(bench, recorder, train, new, labels, asked, count=samples)

    signals = read_signals(recorder, asked)
    notes = [level_note(recorder, level) for level in asked]
    missing = _missing(train, held_out, samples)
    summary = Summary(
        verdict=decide(signals, notes, missing=held_out is None or not samples),
        headline=headline_figures(recorder, asked, seed),
        warnings=data_warnings(groups, overlap, len(train)) + _level_warnings(asked),
        levels=notes,
        provenance=Provenance(
            model=model or ModelNote(where="", family=family, name=denoiser.spec.name),
            data=DataNote(
                where=data_where or train.source,
                name=train.source,
                fingerprint=_pictured(train).fingerprint,
                n_train=len(train),
                n_held_out=len(held_out) if held_out else 0,
                split_seed=split_seed,
                shape=train.shape,
            ),
            latents=None if autoencoder is None else autoencoder.note,
            seed=seed,
            device=str(device),
            arithmetic=arithmetic,
            versions=_versions(),
            command=list(command),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            wall_seconds=time.perf_counter() - started,
            network_seconds=bench.network_seconds,
            citations=list(dict.fromkeys([PAPER, COPY_RULE, *denoiser.spec.citations])),
            missing_evidence=missing,
        ),
    )
    return Audit(
        AuditTables(
            measurements=recorder.measurements(),
            values=recorder.per_picture(),
            samples=pl.DataFrame(evidence.rows, infer_schema_length=None),
            pictures=shown_pictures(train, new, shown, evidence, autoencoder),
            summary=summary,
        )
    )


def _duplicates(
    train: Pictures, held_out: Pictures | None
) -> tuple[DuplicateGroups | None, Contained | None]:
    pictures = _pictured(train)
    if pictures.scale is not None:
        return None, None
    groups, overlap = near_duplicate_groups(pictures), None
    if held_out is not None and _pictured(held_out).scale is None:
        overlap = contained(_pictured(held_out), pictures, groups=groups)
    return groups, overlap


def _pictured(pictures: Pictures) -> Pictures:
    """Themselves, or what they are known to be latents of."""
    return pictures if pictures.encodes is None else pictures.encodes


def _record_gaps(recorder: Recorder, levels: list[Level]) -> None:
    for level in levels:
        for name in ("network", "gaussian", "multi_delta"):
            key = Key("rmse", name, "", "held_out", level.sigma, level.used)
            held_out, train = recorder.values(key), recorder.values(key._replace(inputs="train"))
            if len(held_out) and len(train):
                recorder.pool(key._replace(metric="rmse_gap"), difference_of_means(held_out, train))


def _missing(train: Pictures, held_out: Pictures | None, samples: int) -> list[str]:
    missing = []
    if _pictured(train).scale is not None:
        missing.append(
            "Duplicates were not searched for: that takes uint8 pictures, these are latents."
        )
    if held_out is None:
        missing.append(
            "No held-out pictures: the gap between training and held-out inputs and the position "
            "between the closed forms are missing, linearity was read on pure noise, and samples were "
            "compared with training pictures against the rest of the training set. Give --held-out."
        )
    if not samples:
        missing.append("No samples were drawn: copies and GL are missing.")
    return missing


def _level_warnings(levels: list[Level]) -> list[str]:
    moved = [level for level in levels if abs(level.used / level.sigma - 1) > 0.05]
    if len(levels) == 1:
        return [
            f"The model was looked at in one noise level, {levels[0].used:.3g}, alone: a sample is "
            "one denoising of pure noise, and the verdict speaks of that level."
        ]
    if not moved:
        return []
    pairs = ", ".join(f"{level.sigma:.3g} -> {level.used:.3g}" for level in moved)
    return [f"The model does not know some levels asked; the nearest it knows were used: {pairs}."]


def _versions() -> dict[str, str]:
    found = {"torch": torch.__version__, "polars": pl.__version__, "numpy": np.__version__}
    try:
        found["denoscope"] = version("denoscope")
    except PackageNotFoundError:
        found["denoscope"] = "source tree"
    return found
