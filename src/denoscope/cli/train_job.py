"""A training as the command line runs it: under a progress bar, with a tracker where one is asked."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.devices import choose_device
from denoscope.cli.progress import Bar
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
) -> dict[str, Any]:
    """Train to the end and return what --json says. Raises as `denoscope.training.train` does."""
    from denoscope.training import train

    accelerator = _accelerator(out, device, tracker)
    total = settings.steps * settings.batch
    last: Progress | None = None
    steps = train(settings, pictures, out, data=data, resume=resume, accelerator=accelerator)
    with Bar(voice, "train", total, "pictures") as bar, _remedy_of_interruption(out):
        for progress in steps:
            if last is None:  # the first report: the run's folder is there
                bar.start_at(progress.pictures)
                if tracker:
                    _start_tracker(accelerator, settings, out)
            last = progress
            bar.reach(last.pictures, f"loss {last.loss:.4f}")
            accelerator.log({name: getattr(last, name) for name in TRACKED}, step=last.pictures)
    accelerator.end_training()
    if last is None:
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
        "pictures": total,
        "was_finished": last is None,
        "loss": last.loss if last else None,
        "pictures_per_second": last.pictures_per_second if last else None,
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
