"""Options that several verbs share, and how their words are read."""

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from denoscope.errors import InputError

__all__ = [
    "OUTPUT",
    "WHICH",
    "AuditOut",
    "AuditPrecision",
    "Compile",
    "Data",
    "Debug",
    "Device",
    "DeviceName",
    "FailOn",
    "Figures",
    "HeldOut",
    "Json",
    "Levels",
    "ModelPlace",
    "NoPictures",
    "Overwrite",
    "PictureCount",
    "PrecisionName",
    "Quiet",
    "SampleCount",
    "Seed",
    "Size",
    "Split",
    "SplitSeed",
    "Trust",
    "name_of",
    "one_of_each",
    "read_numbers",
    "read_seeds",
]

OUTPUT, WHICH = "Output", "Which pictures"


class PrecisionName(StrEnum):
    FP32 = "fp32"
    BF16 = "bf16"


class DeviceName(StrEnum):
    """Where tensors live."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


ModelPlace = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        help="A run folder, a snapshot of one, an EDM pickle, a torch file, a diffusers folder or hub name, "
        "bundled:NAME, or module:factory.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        metavar="",
        help="Run the code that a diffusers folder brings for its network: it may do all that you may.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        rich_help_panel=WHICH,
        show_default="the run's own",
        help="A named set, a folder, a zip, an npz, or hf:owner/name.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        rich_help_panel=WHICH,
        show_default="as stored",
        help="Bring pictures to this height and width: centre crop, then area resampling.",
    ),
]
Split = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=WHICH,
        show_default=False,
        help="The model was trained on the first N of DATA in the order of --split-seed; "
        "the rest is held out.",
    ),
]
HeldOut = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        rich_help_panel=WHICH,
        show_default=False,
        help="Pictures of the same kind that the model never saw.",
    ),
]
PictureCount = Annotated[
    int,
    typer.Option(
        "--pictures", min=2, metavar="N", help="Training and held-out pictures denoised, each."
    ),
]
SampleCount = Annotated[
    int,
    typer.Option(
        "--samples", min=0, metavar="N", help="Pictures sampled and searched for copies; 0: none."
    ),
]
Levels = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Noise levels, on the Karras grid from sigma 80 down to 0.002."
    ),
]
SplitSeed = Annotated[
    int | None,
    typer.Option(
        metavar="S", rich_help_panel=WHICH, show_default="0", help="The seed of that order."
    ),
]
Seed = Annotated[
    int,
    typer.Option(min=0, metavar="S", help="The seed of all noise: the same seed, the same result."),
]
Device = Annotated[
    DeviceName, typer.Option(help="Where to compute; auto takes a GPU where there is one.")
]
AuditPrecision = Annotated[
    PrecisionName, typer.Option("--precision", help="Arithmetic of the network.")
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network by torch.compile.")]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar="",
        rich_help_panel=OUTPUT,
        help="One JSON object on stdout, words on stderr.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", metavar="", rich_help_panel=OUTPUT, help="No words, only errors."
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug", metavar="", rich_help_panel=OUTPUT, help="Show the traceback of an error."
    ),
]
AuditOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        rich_help_panel=OUTPUT,
        show_default="audits/MODEL",
        help="Where tables and report go: a new or empty folder.",
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="LABELS",
        rich_help_panel=OUTPUT,
        show_default=False,
        help="End with exit code 3 where the verdict is one of these, with commas: "
        "memorizing, transitional, undertrained, not_enough_evidence.",
    ),
]
NoPictures = Annotated[
    bool,
    typer.Option(
        "--no-pictures",
        metavar="",
        rich_help_panel=OUTPUT,
        help="Leave training pictures and samples out of the report.",
    ),
]
Figures = Annotated[
    bool,
    typer.Option(
        "--figures", metavar="", rich_help_panel=OUTPUT, help="Write the charts as SVG and PDF too."
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        metavar="",
        rich_help_panel=OUTPUT,
        help="Replace the audit in --out.",
    ),
]


def read_seeds(text: str) -> list[int]:
    """ "0-15" or "3,5,8-10" as numbers, each once, in the order given. Raises InputError."""
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,12})\s*(?:-\s*(\d{1,12})\s*)?", part)
        if not found:
            raise InputError(
                f"--seeds {text!r} cannot be read: give numbers and ranges, as 0-15 or 3,5,8-10"
            )
        low, high = int(found[1]), int(found[2] or found[1])
        if high < low or high - low >= 100_000:
            raise InputError(
                f"--seeds {part.strip()}: give a range that rises, of at most 100000 seeds"
            )
        seeds += range(low, high + 1)
    return list(dict.fromkeys(seeds))


def read_numbers(option: str, text: str, kind: type[int] | type[float] = int) -> tuple[float, ...]:
    """ "1,2,2" as numbers; "none" as no number. Raises InputError naming the option."""
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        words = "whole numbers" if kind is int else "numbers"
        raise InputError(
            f"{option} {text!r}: give {words} with commas, as 1,2,2, or none"
        ) from error


def one_of_each(option: str, text: str, allowed: Sequence[str]) -> list[str]:
    """Comma-separated names out of `allowed`, each once. Raises InputError for another one."""
    names = list(dict.fromkeys(part.strip().replace("-", "_") for part in text.split(",")))
    for name in names:
        if name not in allowed:
            raise InputError(f"{option} {name!r} is unknown: choose from {', '.join(allowed)}")
    return names


def name_of(model: str) -> str:
    """A folder's name for what is made of MODEL: "mnist-64", "RUN-000050000", "mymodels-open_model"."""
    path = Path(model)
    if path.suffix == ".safetensors" and path.parent.name == "snapshots":
        return f"{path.resolve().parent.parent.name}-{path.stem}"
    text = path.resolve().name if path.exists() else model.removeprefix("bundled:")
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "model"
