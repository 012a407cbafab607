"""An audit folder: written whole or not at all, and read back with a plain word for each fault."""

import io
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from denoscope.errors import InputError
from denoscope.tables.measurements import TableName, conform
from denoscope.tables.summary import Summary, summary_from_json
from denoscope.tables.writing import plain_errors, umask

__all__ = ["AuditTables", "check_output", "read_audit", "write_audit"]

_TABLES: tuple[TableName, ...] = ("measurements", "values", "samples")
_PIECES = {
    *("measurements.parquet", "values.parquet", "samples.parquet", "pictures.npz", "summary.json"),
    *("report.html", "figures"),  # drawn from the others, and stale once they change
}


def _empty(name: TableName) -> pl.DataFrame:
    return conform(name, [])


@dataclass(frozen=True)
class AuditTables:
    """All that an audit leaves behind.

    measurements, values, samples: as in `denoscope.tables.measurements`; brought to their schemas
        here, so rows with columns missing or in any order will do.
    pictures: uint8 arrays, (n, C, H, W) or (m, levels, C, H, W), keyed as docs/reference/tables.md
        says: "sample/network", "trajectory/gaussian", "denoise/clean", ...; C is 1 or 3. Row i of
        "sample/network" is the i-th row of `samples` with that denoiser and source "sample".

    Raises InputError where a table or array breaks its schema.
    """

    measurements: pl.DataFrame
    summary: Summary
    values: pl.DataFrame = field(default_factory=lambda: _empty("values"))
    samples: pl.DataFrame = field(default_factory=lambda: _empty("samples"))
    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _TABLES:
            object.__setattr__(self, name, conform(name, getattr(self, name)))
        for key, pixels in self.pictures.items():
            _check_pictures(key, pixels)


def _check_pictures(key: str, pixels: np.ndarray) -> None:
    room = key.split("/")[0]
    if room not in ("sample", "trajectory", "denoise") or "/" not in key:
        raise InputError(
            f"pictures: key {key!r} is unknown; use sample/..., trajectory/... or denoise/..."
        )
    rows_and_levels = room == "trajectory" or (room == "denoise" and key != "denoise/clean")
    wanted = "(m, levels, C, H, W)" if rows_and_levels else "(n, C, H, W)"
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != 4 + rows_and_levels
        or pixels.shape[-3] not in (1, 3)
    ):
        raise InputError(
            f"pictures: {key} is {pixels.dtype} {pixels.shape}; give uint8 {wanted}, C 1 or 3"
        )


def check_output(folder: str | Path, overwrite: bool = False) -> Path:
    """Whether an audit can be written to `folder`, asked before the work; leaves nothing behind.

    Returns the resolved path. Raises InputError where a file is in the way, where the folder holds
    something already (an audit is replaced with overwrite=True, anything else never), or where it
    cannot be written.
    """
    target = Path(folder).expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the audit")
    if target.exists() and os.path.ismount(target):
        raise InputError(
            f"{folder} is a mount point, which cannot be replaced whole; give a folder inside it"
        )
    held = sorted(path.name for path in target.iterdir()) if target.exists() else []
    if held and "summary.json" not in held:
        raise InputError(f"{folder} holds {held[0]} and is no audit; give a new or an empty folder")
    if held and not overwrite:
        raise InputError(f"{folder} holds an audit already; give another folder, or overwrite it")
    foreign = [name for name in held if name not in _PIECES]
    if foreign:
        raise InputError(
            f"{folder} holds {foreign[0]}, which is no part of an audit and would be lost; "
            "move it away or give another folder"
        )
    above = target.parent
    while not above.exists():
        above = above.parent
    with plain_errors(folder):
        os.rmdir(tempfile.mkdtemp(prefix=".denoscope-", dir=above))
    return target


def write_audit(folder: str | Path, tables: AuditTables, overwrite: bool = False) -> Path:
    """Write an audit folder, and return its path.

    Everything goes to a hidden sibling first, which is then renamed: a reader, or a kill at any
    moment, never meets half an audit. Raises InputError as `check_output` does, RunError where the
    disk is full or fails.
    """
    target = check_output(folder, overwrite)
    with plain_errors(folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.writing-", dir=target.parent))
        try:
            staging.chmod(0o777 & ~umask())
            _write_pieces(staging, tables)
            _swap(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return target


def _write_pieces(folder: Path, tables: AuditTables) -> None:
    for name in _TABLES:
        # through memory, so that a full disk shows as the OSError it is, not as a polars error
        buffer = io.BytesIO()
        getattr(tables, name).write_parquet(buffer)
        (folder / f"{name}.parquet").write_bytes(buffer.getvalue())
    with open(folder / "pictures.npz", "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **tables.pictures)  # type: ignore[arg-type]
    text = tables.summary.model_dump_json(indent=2)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")


def _swap(staging: Path, target: Path) -> None:
    if not target.exists():
        os.rename(staging, target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
    os.rename(target, old / "audit")
    try:
        os.rename(staging, target)
    except OSError:
        os.rename(old / "audit", target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def read_audit(folder: str | Path) -> AuditTables:
    """Read an audit folder.

    Raises InputError, naming the piece, where the folder is missing or no audit, where a file is
    missing, corrupt, or does not follow its schema, or was written by another schema version.
    """
    where = Path(folder).expanduser()
    if not where.is_dir():
        raise InputError(f"{folder} is no folder; give the folder that `denoscope audit` wrote")
    if not (where / "summary.json").is_file():
        raise InputError(
            f"{folder} holds no summary.json and is no audit; give what `denoscope audit` wrote"
        )
    try:
        text = (where / "summary.json").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{where / 'summary.json'} cannot be read ({error}): audit again"
        ) from error
    summary = summary_from_json(text, str(where / "summary.json"))
    frames = {name: _read_table(where / f"{name}.parquet", name) for name in _TABLES}
    return AuditTables(summary=summary, pictures=_read_pictures(where / "pictures.npz"), **frames)


def _read_table(path: Path, name: TableName) -> pl.DataFrame:
    _check_there(path)
    try:
        frame = pl.read_parquet(path, memory_map=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(
            f"{path} is corrupt, no parquet can be read from it: audit again"
        ) from error
    try:
        return conform(name, frame)
    except InputError as error:
        raise InputError(f"{path}: {error}: audit again") from error


def _read_pictures(path: Path) -> dict[str, np.ndarray]:
    _check_there(path)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except Exception as error:  # zip, zlib and npy faults share no class, and all mean the same
        raise InputError(
            f"{path} is corrupt, no arrays can be read from it: audit again"
        ) from error


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing, the audit is not whole: audit again")
