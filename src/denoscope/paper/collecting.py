"""The study's tables in one folder that can be kept: without weights, and small."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from denoscope.paper.claims import Claim, claims_json
from denoscope.sweeps import Store, Task, TrainTask
from denoscope.tables import replacing, write_file

__all__ = ["collect"]


def collect(
    folder: Path,
    preset: str,
    tasks: Sequence[Task],
    store: Store,
    claims: Mapping[str, Sequence[Claim]],
) -> Path:
    """Write FOLDER/measurements.parquet, cells.json and the claims; return the folder.

    measurements.parquet: the tables of all tasks that are done, `cell` being KIND/NAME. cells.json:
    for each the content that its name hashes and, of trainings, the length and rate that the log
    tells. claims: file name -> rows; where there are none, no file. Tables of tasks that are not done
    are simply not there.
    """
    frames, cells = [], {}
    for task in tasks:
        if not store.done(task):
            continue
        name = f"{task.kind}/{task.name}"
        cells[name] = task.content()
        if isinstance(task, TrainTask):
            cells[name] |= _last_line(store.folder(task) / "log.jsonl")
        else:
            frames.append(store.table(task).with_columns(cell=pl.lit(name)))
    if frames:
        with replacing(folder / "measurements.parquet") as partial:
            pl.concat(frames).write_parquet(partial, compression_level=19)
    content = {"schema_version": 1, "preset": preset, "cells": cells}
    write_file(folder / "cells.json", (json.dumps(content, indent=1) + "\n").encode())
    for name, rows in claims.items():
        if rows:
            write_file(folder / name, claims_json(preset, rows))
    return folder


def _last_line(log: Path) -> dict[str, Any]:
    """What a training said last: pictures, loss, pictures_per_second."""
    try:
        last = log.read_text(encoding="utf-8").splitlines()[-1]
        return {"ended": json.loads(last)}
    except (OSError, ValueError, IndexError):
        return {}
