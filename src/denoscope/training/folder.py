"""The run's folder: run.json, the log, where snapshots lie, and what may be resumed."""

import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from denoscope.errors import InputError
from denoscope.tables import WatchRecord, plain_errors, read_watch, write_file, write_watch
from denoscope.training.settings import DataRecord, RunRecord, TrainSettings
from denoscope.training.state import read_progress

__all__ = [
    "append_log",
    "cut_log",
    "prepare_run",
    "snapshot_path",
    "state_path",
    "watch_path",
    "weights_path",
]


def state_path(out: Path) -> Path:
    """Where a run keeps what it needs to go on."""
    return out / "resume" / "state.safetensors"


def weights_path(out: Path) -> Path:
    """The averaged weights; there once the run has reached the length that run.json names."""
    return out / "weights.safetensors"


def snapshot_path(out: Path, kimg: float) -> Path:
    """The averaged weights after `kimg` thousand pictures: nine digits, in pictures."""
    return out / "snapshots" / f"{round(kimg * 1000):09d}.safetensors"


def watch_path(out: Path) -> Path:
    """The looks at a run that stops before memorization; there from its start, if it is one."""
    return out / "watch.json"


def prepare_run(
    out: Path, settings: TrainSettings, data: DataRecord, *, resume: bool, watched: bool = False
) -> None:
    """Make the run's folder, or check that the one there is this very run.

    A new or empty folder starts a run, with `resume` too: a run may be killed before it has written
    anything. A longer `kimg` and other snapshots may be asked of a resumed run; weights of the
    shorter run become one of its snapshots. watched: whether it is to stop before memorization.

    Raises InputError where the folder holds something else, another run, a corrupt one, or one
    that cannot give what is asked: fewer pictures than it was started with, a snapshot it has
    passed, more pictures where its resumable state is gone, or to be watched from halfway only.
    """
    record = RunRecord(settings=settings, data=data, versions=_versions())
    path = out / "run.json"
    if path.exists() and not resume:
        raise InputError(
            f"{out} already holds a run: add --resume to go on, or choose another --out"
        )
    if path.exists():
        before = RunRecord.read(path)
        _check_same(out, before, record)
        _check_watched(out, watched)
        if watched and _stopped(out):
            return  # its weights are final, whatever length is asked
        _check_resumable(out, before.settings, settings)
        record.versions = before.versions
        if settings.steps > before.settings.steps and weights_path(out).exists():
            kept = snapshot_path(out, before.settings.kimg)
            with plain_errors(kept):
                kept.parent.mkdir(exist_ok=True)
                os.replace(weights_path(out), kept)
    elif out.exists() and (
        not out.is_dir() or any(p.name != "run.json.partial" for p in out.iterdir())
    ):
        raise InputError(
            f"{out} exists and is not a denoscope run: choose an empty or new folder for --out"
        )
    write_file(path, record.model_dump_json(indent=2).encode())
    if watched and not watch_path(out).exists():
        write_watch(watch_path(out), WatchRecord(seed=settings.seed))


def _check_same(out: Path, before: RunRecord, now: RunRecord) -> None:
    free = {"kimg", "snapshots_kimg"}
    old, new = (record.settings.model_dump(exclude=free) for record in (before, now))
    changed = [key for key in new if new[key] != old[key]]
    changed += ["data"] if before.data != now.data else []
    if changed:
        raise InputError(
            f"{out} was started with other settings ({', '.join(changed)}): repeat them to "
            "resume, or choose another --out"
        )


def _check_resumable(out: Path, before: TrainSettings, settings: TrainSettings) -> None:
    if settings.kimg < before.kimg:
        raise InputError(
            f"{out} was started for {before.kimg:g} kimg, {settings.kimg:g} asked: "
            "resume it with as many or more"
        )
    state = state_path(out)
    if weights_path(out).exists() and not state.exists() and settings.steps > before.steps:
        raise InputError(
            f"{out} is finished and {state} is gone, so it cannot be trained further: "
            "choose another --out to train anew"
        )
    done = read_progress(state)["step"] if state.exists() else 0
    passed = [
        kimg
        for kimg in settings.snapshots_kimg
        if settings.step_of(kimg) <= done and not snapshot_path(out, kimg).exists()
    ]
    if passed:
        raise InputError(
            f"{out} has passed {done * settings.batch} pictures, a snapshot at {passed[0]:g} kimg "
            "comes too late: leave it out, or train anew in another --out"
        )


def _check_watched(out: Path, watched: bool) -> None:
    """A stop decided on some of the looks, or a stopped run trained on unseen, would mislead."""
    was, started = watch_path(out).exists(), state_path(out).exists() or weights_path(out).exists()
    if was and not watched:
        raise InputError(
            f"{out} is watched ({watch_path(out)}): add --stop-when memorizing to resume it, or "
            "choose another --out to train without"
        )
    if watched and started and not was:
        raise InputError(
            f"{out} was started without --stop-when, so its first looks are missing: resume it "
            "without, or choose another --out"
        )


def _stopped(out: Path) -> bool:
    path = watch_path(out)
    return path.exists() and read_watch(path).onset is not None


def append_log(path: Path, **values: Any) -> None:
    """One line of log.jsonl. Raises RunError where the disk is full."""
    with plain_errors(path), open(path, "a") as file:
        file.write(json.dumps(values) + "\n")


def cut_log(path: Path, pictures: int) -> None:
    """Drop what a killed run logged after its last saved state: those pictures are seen again."""
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            record: dict[str, Any] = json.loads(line)
            passed = record["pictures"] > pictures
        except (json.JSONDecodeError, KeyError, TypeError):
            break  # the line that was being written when the run was killed
        if passed:
            break
        kept.append(line)
    write_file(path, "".join(f"{line}\n" for line in kept).encode())


def _versions() -> dict[str, str]:
    found = {"torch": str(torch.__version__)}
    for name in ("denoscope", "accelerate"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree
            found[name] = "source"
    return found
