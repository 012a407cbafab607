"""The words of `denoscope train`, and the settings they make.

An option left out takes the default of `TrainSettings` or `NetworkSettings`; the defaults shown in
the help are held to those by a test, since torch must not load for a help text.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoscope.cli.failures import validation_line
from denoscope.cli.options import OUTPUT, WHICH, read_numbers
from denoscope.errors import InputError

if TYPE_CHECKING:
    from denoscope.images import Pictures
    from denoscope.training import DataRecord, TrainSettings

NETWORK, TRAINING = "Network", "Training"


class ArchName(StrEnum):
    """The architectures of `denoscope.networks`, by name."""

    DDPMPP = "ddpmpp"
    NCSNPP = "ncsnpp"
    ADM = "adm"
    SKIP = "skip"
    DIT = "dit"
    LINEAR = "linear"


class PreconditioningName(StrEnum):
    """The preconditionings of `denoscope.networks`, by name."""

    EDM = "edm"
    VP = "vp"
    VE = "ve"
    NONE = "none"


Precision = StrEnum("Precision", {"FP32": "fp32", "BF16": "bf16"})
AugmentName = StrEnum("AugmentName", {"NONE": "none", "FLIP": "flip"})
StopName = StrEnum("StopName", {"MEMORIZING": "memorizing"})
TrackerName = StrEnum("TrackerName", {"TENSORBOARD": "tensorboard", "WANDB": "wandb"})


def _option(panel: str, metavar: str | None, default: str | bool, text: str, *names: str) -> Any:
    return typer.Option(
        *names, rich_help_panel=panel, metavar=metavar, show_default=default, help=text
    )


Images = Annotated[
    int, _option(WHICH, "N", False, "Train on the first N of DATA in the order of --split-seed.")
]
TrainData = Annotated[
    str, _option(WHICH, "DATA", False, "A named set, a folder, a zip, an npz, or hf:owner/name.")
]
SplitSeed = Annotated[int, _option(WHICH, "S", True, "The seed of that order.")]
Twin = Annotated[
    int | None, _option(WHICH, "1|2", False, "Take the first or second of two disjoint sets of N.")
]

Arch = Annotated[
    ArchName, _option(NETWORK, None, True, "DDPM++, NCSN++, ADM, Skip-Net, DiT or W x + b.")
]
Preconditioning = Annotated[
    PreconditioningName | None,
    _option(NETWORK, None, "edm; skip, linear none", "How it is told sigma, and its loss."),
]
Width = Annotated[
    int | None, _option(NETWORK, "CHANNELS", "128; adm 192", "Base channels, a multiple of 4.")
]
Heads = Annotated[int | None, _option(NETWORK, "N", "width / 64", "Attention heads of dit.")]
Patch = Annotated[int | None, _option(NETWORK, "PIXELS", "2", "Side of the patches of dit.")]
Multipliers = Annotated[
    str | None,
    _option(NETWORK, "LIST", "2,2,2; adm 1,2,3,4", "Channels of each level over the width."),
]
Blocks = Annotated[int | None, _option(NETWORK, "N", "4; adm 3", "Residual blocks a level.")]
Attention = Annotated[
    str | None, _option(NETWORK, "SIDES", "16; adm 32,16,8", "Sides with attention, or none.")
]
Dropout = Annotated[
    float | None, _option(NETWORK, "P", "0.13; adm 0.1", "Probability of dropping an activation.")
]

Kimg = Annotated[
    float | None,
    _option(TRAINING, "K", "200", "Length: thousands of pictures seen, with repetition."),
]
Batch = Annotated[int | None, _option(TRAINING, "N", "64", "Pictures a step, over all processes.")]
Rate = Annotated[float | None, _option(TRAINING, "RATE", "0.001", "Adam's learning rate.", "--lr")]
Warmup = Annotated[
    float | None, _option(TRAINING, "K", "5", "Thousands of pictures until the full rate.")
]
HalfLife = Annotated[
    float | None,
    _option(
        TRAINING, "K", "500", "Half-life of the averaged weights, at most 5 % of pictures seen."
    ),
]
Level = Annotated[
    float | None,
    _option(TRAINING, "SIGMA", False, "Train a DAE, of this one noise level."),
]
PrecisionWord = Annotated[Precision, _option(TRAINING, None, True, "Arithmetic of the network.")]
Augment = Annotated[
    AugmentName, _option(TRAINING, None, True, "flip changes what memorizing means.")
]

Run = Annotated[Path, _option(OUTPUT, "RUN", False, "The run's folder, new or empty.", "--out")]
Resume = Annotated[bool, _option(OUTPUT, "", False, "Go on with the run in --out.", "--resume")]
Snapshots = Annotated[
    str | None,
    _option(OUTPUT, "LIST", False, "Keep the averaged weights at these K too, as 10,50,100."),
]
StopWhen = Annotated[
    StopName | None,
    _option(
        TRAINING, None, False, "Look at the model as it trains; keep it as before memorization."
    ),
]
Tracker = Annotated[
    TrackerName | None, _option(OUTPUT, None, False, "Log rate, loss and learning rate there.")
]

WORDS = {
    "learning_rate": "--lr",
    "snapshots_kimg": "--snapshots-kimg",
    "ema_half_life_kimg": "--ema-half-life-kimg",
    "warmup_kimg": "--warmup-kimg",
    **{name: f"--{name}" for name in ("kimg", "batch", "seed", "width", "blocks", "dropout")},
    **{name: f"--{name}" for name in ("multipliers", "attention", "arch", "precision", "augment")},
    **{name: f"--{name}" for name in ("preconditioning", "heads", "patch", "level")},
}


def open_data(
    where: str, size: int | None, images: int, split_seed: int, twin: int | None
) -> "tuple[Pictures, Pictures, DataRecord]":
    """(training pictures, the rest, the former's record for run.json). Raises InputError."""
    from denoscope.images import NAMED, open_images
    from denoscope.training import DataRecord

    if twin not in (None, 1, 2):
        raise InputError(f"--twin {twin}: give 1 or 2")
    whole = open_images(where, size=size)
    # Asked of the set first: its answer says how many there are.
    train, held_out = whole.split(images, split_seed)
    if twin is not None:
        *twins, held_out = whole.twins(images, split_seed)
        train = twins[twin - 1]
    if where not in NAMED and Path(where).exists():
        where = str(Path(where).resolve())  # so that the run opens it from any folder
    record = DataRecord.of(whole, images, where=where, size=size, split_seed=split_seed, twin=twin)
    return train, held_out, record


def read_settings(
    shape: tuple[int, int, int], network: dict[str, Any], training: dict[str, Any]
) -> "TrainSettings":
    """Settings of the words given; None means left out. Raises InputError, one line, naming options."""
    from pydantic import ValidationError

    from denoscope.networks import NetworkSettings
    from denoscope.training import TrainSettings

    if training.get("level") is not None and network.get("preconditioning") is None:
        network["preconditioning"] = "none"  # what a level of its own means
    for name, kind in (("multipliers", int), ("attention", int), ("snapshots_kimg", float)):
        words = network if name in network else training
        if words.get(name) is not None:
            words[name] = read_numbers(WORDS[name], words[name], kind)
    try:
        built = NetworkSettings(shape=shape, **_given(network))
        return TrainSettings(network=built, **_given(training))
    except ValidationError as error:
        raise InputError(validation_line(error, WORDS)) from error


def _given(words: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in words.items() if value is not None}
