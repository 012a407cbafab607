"""`denoscope report`: draw the page again from an audit's tables."""

from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.speech import Voice

__all__ = ["report"]


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", show_default=False, help="What `denoscope audit` wrote to --out."
        ),
    ],
    no_pictures: opt.NoPictures = False,
    figures: opt.Figures = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Draw report.html again, from the tables of an audit alone.

    Neither the model nor the data is needed: an audit made elsewhere can be drawn here.

    \b
    Examples:
      denoscope report audits/mnist-4000
      denoscope report audits/mnist-4000 --no-pictures --figures
    """
    from denoscope.report import write_figures, write_report

    voice = Voice(as_json, quiet)
    page = write_report(folder, pictures=not no_pictures)
    drawn = write_figures(folder) if figures else []
    voice.say(f"report: {page}")
    if drawn:
        voice.say(f"figures: {len(drawn)} files in {drawn[0].parent}")
    voice.result({"report": str(page), "figures": [str(path) for path in drawn]})
    return 0
