"""One door for models: `open_denoiser(where)`.

where: a run folder, one of its snapshots, `bundled:NAME`, or `package.module:factory`.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from denoscope.checkpoints.factories import open_factory
from denoscope.checkpoints.runs import bundled_names, bundled_path, open_run
from denoscope.denoiser import Denoiser
from denoscope.errors import InputError
from denoscope.training import RunRecord

__all__ = ["Model", "describe_model", "open_denoiser"]

FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Model:
    """A denoiser and what is known of it. `record` is there where the run is our own."""

    denoiser: Denoiser
    where: str
    family: str
    parameters: int | None = None
    content_hash: str = ""
    record: RunRecord | None = None


def open_denoiser(where: str | os.PathLike[str]) -> Denoiser:
    """The denoiser at `where`. Raises InputError that says what is allowed."""
    return describe_model(where).denoiser


def describe_model(where: str | os.PathLike[str]) -> Model:
    """The denoiser at `where` and its provenance."""
    text = os.fspath(where)
    path = (
        bundled_path(text.removeprefix("bundled:")) if text.startswith("bundled:") else Path(text)
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
        f"no model at {text!r}: give a run folder, a snapshot of one, package.module:factory, or "
        + ", ".join(f"bundled:{name}" for name in bundled_names())
    )
