"""`denoscope reproduce`: the paper's figures, each from its tables, each claim with a number."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.reproduce_job import reproduce_figures
from denoscope.cli.speech import Voice

__all__ = ["reproduce"]


class PresetName(StrEnum):
    QUICK = "quick"
    CPU = "cpu"
    GPU = "gpu"
    PAPER = "paper"


def reproduce(
    figures: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIGURE...]", help="fig1 to fig30, all (the default), or traps."),
    ] = None,
    preset: Annotated[
        PresetName,
        typer.Option(
            help="quick: digits, minutes. cpu: Fashion-MNIST at 16x16, hours of two cores. "
            "gpu: colour pictures at 32x32, half an hour. paper: the paper's own sizes."
        ),
    ] = PresetName.QUICK,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Other pictures for the main set than the preset's."),
    ] = None,
    size: opt.Size = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=opt.OUTPUT,
            help="Cells, figures and claims; what is there is not done again. "
            "Default: reproduction/PRESET.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would run, and how long, and end.")
    ] = False,
    engine: opt.Engine = opt.EngineName.LOCAL,
    workers: opt.Workers = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, help="Stop after so many minutes; the same command goes on."),
    ] = None,
    tables: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=opt.OUTPUT,
            help="Copy all tables and claims here, to keep.",
        ),
    ] = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Repeat the paper's experiments; draw its figures; print each claim beside what was measured.

    Interrupted or killed at any moment, the same command goes on where it stopped.

    \b
    Examples:
      denoscope reproduce all --preset quick
      denoscope reproduce fig1 fig6 --preset cpu --dry-run
    """
    return reproduce_figures(
        Voice(as_json, quiet),
        figures or [],
        preset.value,
        out or Path("reproduction") / preset.value,
        data=data,
        size=size,
        dry_run=dry_run,
        engine=engine.value,
        workers=workers,
        minutes=minutes,
        tables=tables,
    )
