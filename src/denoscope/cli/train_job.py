"""A training as the command line runs it: under a progress bar, with a tracker where one is asked."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.devices import choose_device
from denoscope.cli.looks_told import looks_result, tell_looks
from denoscope.cli.progress import Bar
from denoscope.cli.slow_precision import remark_on_precision
from denoscope.cli.speech import Voice
from denoscope.errors import InputError

if TYPE_CHECKING:
    from accelerate import Accelerator

    from denoscope.images import Pictures
    from denoscope.training import DataRecord, Progress, TrainSettings

__all__ = ["run_training"]

TRACKED = ("loss", "learning_rate", "pictures_per_second")


def run_training(
    voice: Voice,
    settings: "TrainSettings",
    pictures: "Pictures",
    out: Path,
    *,
    data: "DataRecord",
    resume: bool,
    device: str,
    tracker: str | None,
    watched_on: "Pictures | None" = None,
) -> dict[str, Any]:
    """Train to the end and return what --json says. Raises as `denoscope.training.train` does.

    watched_on: held-out pictures, where the training is to stop before memorization.
    """
    from denoscope.auditing import train_watched
    from denoscope.tables import Look, read_watch
    from denoscope.training import train
    from denoscope.training.folder import watch_path

    accelerator = _accelerator(out, device, tracker)
    remark_on_precision(voice, settings.precision, accelerator.device.type)
    total = settings.steps * settings.batch
    last: Progress | None = None
    how: dict[str, Any] = {"data": data, "resume": resume, "accelerator": accelerator}
    if watched_on is None:
        steps: Iterator[Progress | Look] = train(settings, pictures, out, **how)
    else:
        steps = train_watched(settings, pictures, watched_on, out, **how)
    with Bar(voice, "train", total, "pictures") as bar, _remedy_of_interruption(out):
        for one in steps:
            if isinstance(one, Look):
                signals = {f"look_{name}": value for name, value in one.signals.items()}
                accelerator.log(signals, step=one.seen)
                continue
            if last is None:  # the first report: the run's folder is there
                bar.start_at(one.pictures)
                if tracker:
                    _start_tracker(accelerator, settings, out)
            last = one
            bar.reach(last.pictures, f"loss {last.loss:.4f}")
            accelerator.log({name: getattr(last, name) for name in TRACKED}, step=last.pictures)
    accelerator.end_training()
    looks = read_watch(watch_path(out)) if watched_on is not None else None
    if looks is not None:
        tell_looks(voice, looks)
    if last is None and looks is not None and looks.onset:
        voice.say(f"{out} was stopped before: nothing is left to train")
    elif last is None:
        voice.say(
            f"{out} is finished: {total} pictures were seen already; a longer --kimg would go on"
        )
    else:
        voice.say(
            f"{last.pictures} pictures, loss {last.loss:.4f}, {last.pictures_per_second:,.0f} pictures/s"
        )
    voice.say(f"weights: {out / 'weights.safetensors'}")
    return {
        "run": str(out),
        "weights": str(out / "weights.safetensors"),
        "pictures": looks.before.seen if looks and looks.onset and looks.before else total,
        "was_finished": last is None,
        "loss": last.loss if last else None,
        "pictures_per_second": last.pictures_per_second if last else None,
        **(looks_result(looks) if looks is not None else {}),
    }


def _accelerator(out: Path, device: str, tracker: str | None) -> "Accelerator":
    from accelerate import Accelerator
    from accelerate.utils import ProjectConfiguration

    if tracker and importlib.util.find_spec(tracker) is None:
        raise InputError(
            f"--tracker {tracker}: the package is not installed: pip install {tracker}"
        )
    return Accelerator(
        cpu=choose_device(device) == "cpu",
        log_with=tracker,
        project_config=ProjectConfiguration(str(out), logging_dir=str(out / "tracker")),
    )


def _start_tracker(accelerator: "Accelerator", settings: "TrainSettings", out: Path) -> None:
    accelerator.init_trackers(
        "denoscope", config=_flat(settings), init_kwargs={"wandb": {"dir": str(out)}}
    )


@contextmanager
def _remedy_of_interruption(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {out} goes on with --resume") from None


def _flat(settings: "TrainSettings") -> dict[str, Any]:
    """Settings as trackers take them: one level, numbers and words."""
    nested = settings.model_dump()
    flat = {f"network_{key}": value for key, value in nested.pop("network").items()} | nested
    return {
        key: value if isinstance(value, int | float | str) else str(value)
        for key, value in flat.items()
    }
