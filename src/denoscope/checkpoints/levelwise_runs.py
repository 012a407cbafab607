"""A folder of runs, each a denoiser of one level, as one denoiser that knows their levels."""

from pathlib import Path

from denoscope.checkpoints.network import NetworkDenoiser
from denoscope.checkpoints.runs import open_run, read_record
from denoscope.errors import InputError
from denoscope.training import RunRecord

__all__ = ["holds_runs", "open_levels"]


def holds_runs(folder: Path) -> bool:
    """Whether there are runs in this folder, which is none itself."""
    return not (folder / "run.json").exists() and any(folder.glob("*/run.json"))


def open_levels(folder: Path) -> list[tuple[NetworkDenoiser, RunRecord, Path]]:
    """(denoiser, record, weights file) of each run in the folder, from high level to low.

    Raises InputError where a run is not of one level, where they were not all trained on the same
    pictures, and as `open_run` does.
    """
    records = {path.parent: read_record(path.parent) for path in sorted(folder.glob("*/run.json"))}
    names = ", ".join(run.name for run in records)
    levels = {run: record.settings.level or 0.0 for run, record in records.items()}
    if not all(levels.values()):
        raise InputError(
            f"{folder} holds the runs {names}: give one of them; together they open only where "
            "each was trained at one level (--level)"
        )
    if len({record.data.model_dump_json() for record in records.values()}) > 1:
        raise InputError(
            f"the runs {names} in {folder} were not all trained on the same pictures: give one of "
            "them, or keep those of one training set in a folder of their own"
        )
    return [open_run(run) for run in sorted(records, key=lambda run: -levels[run])]
