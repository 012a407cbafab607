"""`denoscope reproduce`: the paper's figures, each from its tables, each claim with a number."""

from pathlib import Path

from denoscope.cli import options as opt
from denoscope.cli import study_options as words
from denoscope.cli.reproduce_job import reproduce_figures
from denoscope.cli.speech import Voice

__all__ = ["reproduce"]


def reproduce(
    figures: words.FigureNames = None,
    preset: words.Preset = words.PresetName.QUICK,
    data: words.MainData = None,
    size: opt.Size = None,
    out: words.ReproductionOut = None,
    dry_run: words.DryRun = False,
    engine: words.Engine = words.EngineName.LOCAL,
    workers: words.Workers = None,
    minutes: words.Minutes = None,
    tables: words.Tables = None,
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
