"""What a study leaves: one table of all its audits, and their verdicts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock

from denoscope.errors import InputError
from denoscope.sweeps.auditing import AuditTask
from denoscope.sweeps.store import Store
from denoscope.tables import (
    Summary,
    conform,
    plain_errors,
    replacing,
    summary_from_json,
    write_file,
)

__all__ = ["begin_study", "check_study_folder", "gather"]

TABLE, VERDICTS, COPY = "measurements.parquet", "verdicts.json", "study.toml"
LOCK = ".tables.lock"


def check_study_folder(out: Path) -> Path:
    """`out`, if a study may write its tables there. Raises InputError where it holds other things."""
    target = out.expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise InputError(f"{out} is a file: give a folder for the study")
    held = {path.name for path in target.iterdir()} if target.is_dir() else set()
    if COPY not in held and held - {LOCK, f"{COPY}.partial"}:  # of a sweep that begins just now
        raise InputError(f"{out} holds something that is no study: give a new or empty folder")
    return target


def begin_study(out: Path, text: str) -> None:
    """Mark `out` as a study's folder by a copy of what was asked."""
    with _alone(out):
        write_file(out / COPY, text.encode())


def _alone(out: Path) -> FileLock:
    """Two sweeps of one study may write its tables at the same moment."""
    with plain_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / LOCK)


def gather(audits: Sequence[AuditTask], store: Store, out: Path) -> list[dict[str, Any]]:
    """Write OUT/measurements.parquet and OUT/verdicts.json from the audits that are done.

    measurements: the rows of all audits, `cell` naming the network. verdicts: {"schema_version": 1,
    "cells": [one object an audit], "missing": [names]}; in the order of `audits`. Nothing in them
    depends on when or where a task ran. Returns the objects.
    """
    there = [task for task in audits if store.done(task)]
    rows = [_verdict(task, _summary(task, store)) for task in there]
    frames = [store.table(task) for task in there]
    table = conform("measurements", pl.concat(frames) if frames else [])
    content = {
        "schema_version": 1,
        "cells": rows,
        "missing": [task.name for task in audits if task not in there],
    }
    with _alone(out):
        with replacing(out / TABLE) as partial:
            table.write_parquet(partial)
        write_file(out / VERDICTS, (json.dumps(content, indent=1) + "\n").encode())
    return rows


def _summary(task: AuditTask, store: Store) -> Summary:
    path = store.folder(task) / "summary.json"
    try:
        return summary_from_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: remove its folder and sweep again") from error


def _verdict(task: AuditTask, summary: Summary) -> dict[str, Any]:
    settings, data, verdict = task.train.settings, task.train.data, summary.verdict
    figures = {
        name: {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
        for name, one in summary.headline.items()
    }
    return {
        "audit": task.name,
        "cell": task.cell,
        "n": data.n,
        "twin": data.twin,
        "width": settings.network.width,
        "arch": settings.network.arch,
        "kimg": settings.kimg if task.kimg is None else task.kimg,
        "finished": task.kimg is None,
        "train_seed": settings.seed,
        "seed": task.seed,
        "verdict": verdict.label,
        "confidence": round(verdict.confidence, 4),
        "signals": {
            one.signal: {"value": one.value, "low": one.low, "high": one.high, "vote": one.vote}
            for one in verdict.reasons
            if one.value is not None
        },
        "headline": figures,
    }
