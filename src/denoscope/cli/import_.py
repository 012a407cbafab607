"""`denoscope import`: a foreign model file becomes settings and weights, once and for all."""

from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.speech import Voice
from denoscope.cli.whole_folder import check_new_folder, whole_folder

__all__ = ["import_model"]

File = typer.Argument(
    metavar="FILE", show_default=False, help="An EDM pickle (.pkl) or a torch file (.pt)."
)
Out = typer.Option(metavar="DIR", rich_help_panel=opt.OUTPUT, help="A new or empty folder.")

Size = typer.Option(
    metavar="PIXELS",
    min=1,
    rich_help_panel=opt.WHICH,
    show_default=False,
    help="Side of the model's pictures, for a file that does not say it.",
)


def import_model(
    file: Annotated[Path, File],
    out: Annotated[Path, Out],
    size: Annotated[int | None, Size] = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Turn a foreign model FILE into safetensors and settings; nothing in it is executed.

    DIR is a MODEL for every other verb, and holds no pickle: it can be passed on.

    \b
    Examples:
      denoscope import network-snapshot-200000.pkl --out models/cifar10
      denoscope import 256x256_diffusion_uncond.pt --out models/imagenet --json
      denoscope import model-10.pt --size 64 --out models/flowers
    """
    from denoscope.checkpoints.foreign.model_files import is_foreign_file, open_foreign_file
    from denoscope.errors import InputError

    voice = Voice(as_json, quiet)
    target = check_new_folder(out)
    if not is_foreign_file(file):
        raise InputError(
            f"{file} is not a file called .pkl or .pt: give a network pickle of EDM or EDM2, or a "
            "checkpoint of guided-diffusion or denoising-diffusion-pytorch"
        )
    model = open_foreign_file(file, size)
    with whole_folder(target) as staging:
        model.save(staging)
    record = model.record
    voice.say(f"family: {record.family}")
    voice.say(f"trained on: {record.trained_on or 'the file does not say'}")
    if record.latents is not None:
        voice.say(f"space: {record.latents.note()}")
    if record.assumed:
        voice.say(f"assumed: {record.assumed}")
    voice.say(f"folder: {target}")
    voice.result({"folder": str(target), **record.model_dump(mode="json")})
    return 0
