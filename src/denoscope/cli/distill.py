"""`denoscope distill`: the linear denoiser nearest to a model, level by level."""

import typer

from denoscope.cli import distill_options as words
from denoscope.cli import options as opt
from denoscope.cli.distill_job import DistillJob, tell_levels
from denoscope.cli.latents import taking
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import trained_on

__all__ = ["distill"]


def distill(
    context: typer.Context,
    model: opt.ModelPlace,
    out: words.Out,
    data: opt.Data = None,
    size: opt.Size = None,
    held_out: opt.HeldOut = None,
    split: opt.Split = None,
    split_seed: opt.SplitSeed = None,
    inputs: words.Inputs = words.InputsName.HELD_OUT,
    images: words.Images = 2000,
    levels: opt.Levels = 10,
    budget: words.Budget = None,
    seed: opt.Seed = 0,
    device: opt.Device = opt.DeviceName.AUTO,
    trust_remote_code: opt.Trust = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Fit D(x) = W x + b to MODEL at each level, by least squares, and score it on unseen pictures.

    Killed at any moment, the same command goes on level by level. The folder it leaves is a MODEL too.

    \b
    Examples:
      denoscope distill bundled:mnist-4000 --out distilled/mnist
      denoscope distill mine:open_model --data train/ --held-out test/ --out lin
    """
    from denoscope.checkpoints import describe_model

    voice = Voice(as_json, quiet)
    opened = describe_model(model, trust_remote_code=trust_remote_code)
    take = taking(voice, device.value)
    known = trained_on(
        opened, take, data=data, size=size, held_out=held_out, split=split, split_seed=split_seed
    )
    job = DistillJob(
        out=out.expanduser().resolve(),
        command=context.find_root().obj,
        inputs=inputs.value,  # type: ignore[arg-type]
        images=images,
        levels=levels,
        budget=budget,
        seed=seed,
        device=device.value,
    )
    told = job.run(voice, opened, known)
    tell_levels(voice, told)
    voice.say(f"folder: {job.out}")
    voice.result(told)
    return 0
