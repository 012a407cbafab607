"""Options of the verbs that run many tasks: where they run, how many at once, and which reproduction."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli.options import OUTPUT

__all__ = [
    "Address",
    "DryRun",
    "Engine",
    "EngineName",
    "FigureNames",
    "GpusPerTask",
    "MainData",
    "Minutes",
    "Preset",
    "PresetName",
    "ReproductionOut",
    "StorePlace",
    "StudyFile",
    "StudyOut",
    "Tables",
    "Workers",
]


class EngineName(StrEnum):
    """What runs the tasks."""

    LOCAL = "local"
    RAY = "ray"


class PresetName(StrEnum):
    """The size of a reproduction."""

    QUICK = "quick"
    CPU = "cpu"
    GPU = "gpu"
    PAPER = "paper"


Engine = Annotated[
    EngineName,
    typer.Option(help="local: processes on this machine. ray: the Ray cluster at hand."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", show_default="one a core", help="Tasks at once (local engine)."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would run, and how long, and end.")
]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="What to train and audit.")]
StudyOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        rich_help_panel=OUTPUT,
        show_default="sweeps/STUDY",
        help="Runs, audits, and the tables of all; what is there is not done again.",
    ),
]
StorePlace = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        rich_help_panel=OUTPUT,
        show_default="--out",
        help="Runs and audits elsewhere: studies that share a store share equal cells.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        show_default="a cluster of its own, here",
        help="The Ray cluster; auto: the one on this machine. Its nodes share the store's folder.",
    ),
]
GpusPerTask = Annotated[
    float | None,
    typer.Option(
        min=0, metavar="F", show_default="0", help="GPUs of a Ray task; 0.25: four share one."
    ),
]
FigureNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FIGURE...]",
        show_default=False,
        help="fig1 to fig30, all (the default), or traps.",
    ),
]
Preset = Annotated[
    PresetName,
    typer.Option(
        help="quick: digits, minutes. cpu: Fashion-MNIST at 16x16, hours of two cores. "
        "gpu: colour pictures at 32x32, half an hour. paper: the paper's own sizes."
    ),
]
MainData = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="DATA", help="Other pictures for the main set than the preset's."
    ),
]
ReproductionOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        rich_help_panel=OUTPUT,
        show_default="reproduction/PRESET",
        help="Cells, figures and claims; what is there is not done again.",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.1, show_default=False, help="Stop after so many minutes; the same command goes on."
    ),
]
Tables = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=OUTPUT,
        show_default=False,
        help="Copy all tables, claims and drawings here, to keep.",
    ),
]
