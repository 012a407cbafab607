"""The study's tables in one folder that can be kept: without weights, and small."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from denoscope.errors import InputError
from denoscope.paper.claims import Claim, claims_json
from denoscope.sweeps import Store, Task, TrainTask
from denoscope.tables import conform, replacing, write_file

__all__ = ["cell_name", "collect", "kept_cells"]

TABLES, CELLS = "measurements.parquet", "cells.json"


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
    tells. claims: file name -> rows; where there are none, no file. A task that is not done here, but
    whose table the folder has from an earlier time, keeps it: a name says what was computed. Others
    are simply not there, nor is a table that no task of the preset has any more.
    """
    before = kept_cells(folder, preset)
    frames, cells, kept = [], {}, []
    for task in tasks:
        name = cell_name(task)
        if not store.done(task):
            if name in before:
                cells[name] = before[name]
                kept.append(name)
            continue
        cells[name] = task.content()
        if isinstance(task, TrainTask):
            cells[name] |= _last_line(store.folder(task) / "log.jsonl")
        else:
            frames.append(store.table(task).with_columns(cell=pl.lit(name)))
    if kept:
        rows = conform("measurements", pl.read_parquet(folder / TABLES, memory_map=False))
        frames.append(rows.filter(pl.col("cell").is_in(kept)))
    if frames:
        with replacing(folder / TABLES) as partial:
            pl.concat(frames).write_parquet(partial, compression_level=19)
    content = {"schema_version": 1, "preset": preset, "cells": cells}
    write_file(folder / CELLS, (json.dumps(content, indent=1) + "\n").encode())
    for name, rows in claims.items():
        if rows:
            write_file(folder / name, claims_json(preset, rows))
    return folder


def kept_cells(folder: Path, preset: str) -> dict[str, Any]:
    """KIND/NAME -> content of what a folder of tables has; {} where there is none.

    Raises InputError where its cells.json does not read, or is of another preset.
    """
    path = folder / CELLS
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        owner, cells = str(content["preset"]), dict(content["cells"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not read: give another folder for the tables") from error
    if owner != preset:
        raise InputError(
            f"{path} is of preset {owner}: give another folder for the tables of {preset}"
        )
    return cells


def cell_name(task: Task) -> str:
    """KIND/NAME, a cell's in kept tables."""
    return f"{task.kind}/{task.name}"


def _last_line(log: Path) -> dict[str, Any]:
    """What a training said last: pictures, loss, pictures_per_second."""
    try:
        last = log.read_text(encoding="utf-8").splitlines()[-1]
        return {"ended": json.loads(last)}
    except (OSError, ValueError, IndexError):
        return {}
