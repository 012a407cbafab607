"""`denoscope info`: what is this, and can it be used?"""

from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.check_job import check_place
from denoscope.cli.descriptions import describe_data, describe_place, is_model, tell_found
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
    check: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            rich_help_panel=opt.WHICH,
            show_default=False,
            help="Denoise pictures of this at ten levels: does MODEL do what it should?",
        ),
    ] = None,
    size: opt.Size = None,
    seed: opt.Seed = 0,
    device: opt.Device = opt.DeviceName.AUTO,
    trust_remote_code: opt.Trust = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Say what a model or a data set is, and whether it can be used.

    --check names a wrong parametrisation, data range, schedule or time, and ends with exit code 2.

    \b
    Examples:
      denoscope info mine:open_model --check photos/ --size 32
      denoscope info photos/ --size 32
    """
    from denoscope.errors import InputError

    voice = Voice(as_json, quiet)
    if not is_model(place) and (data is not None or check is not None):
        option = "--check" if data is None else "--data"
        raise InputError(f"{place} is data, and {option} is for a model: leave it out")
    if check is not None:
        trust = trust_remote_code
        return check_place(voice, place, data, check, size, seed, device.value, trust)
    if is_model(place):
        found = describe_place(place, data, size, trust_remote_code)
    else:
        found = describe_data(place, size)
    tell_found(voice, found)
    voice.result(found)
    return 0
