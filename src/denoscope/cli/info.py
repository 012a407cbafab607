"""`denoscope info`: what is this, and can it be used?"""

from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.descriptions import describe_data, describe_place, is_model
from denoscope.cli.speech import Voice

__all__ = ["info"]


def info(
    place: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|DATA",
            show_default=False,
            help="Anything audit takes as MODEL or --data.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            rich_help_panel=opt.WHICH,
            show_default=False,
            help="Say whether MODEL can be audited on this.",
        ),
    ] = None,
    size: opt.Size = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Say what a model or a data set is, and whether it can be used.

    A fingerprint is the same for the same pictures from any container.

    \b
    Examples:
      denoscope info runs/mnist-4000 --data mnist-5k
      denoscope info photos/ --size 32
    """
    voice = Voice(as_json, quiet)
    if is_model(place):
        found = describe_place(place, data, size)
    else:
        if data is not None:
            from denoscope.errors import InputError

            raise InputError(f"{place} is data, and --data asks whether a model fits: leave it out")
        found = describe_data(place, size)
    voice.table([(name.replace("_", " "), _words(value)) for name, value in found.items()])
    voice.result(found)
    return 0


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
