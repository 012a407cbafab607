"""`denoscope demo`: two bundled models, one that memorizes and one that generalizes."""

from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.audit_job import AuditJob, side_by_side
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import trained_on

__all__ = ["demo"]

MODELS = ("bundled:mnist-64", "bundled:mnist-4000")


def demo(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", rich_help_panel=opt.OUTPUT, help="Where both audits go."),
    ] = Path("denoscope-demo"),
    seed: opt.Seed = 0,
    device: opt.Device = opt.DeviceName.AUTO,
    no_pictures: opt.NoPictures = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Audit two bundled models on bundled digits: one memorizes, one generalizes.

    Both were trained by `denoscope train` on MNIST digits, one on 64 of them for long, the other
    on 4,000. Takes about a minute and downloads nothing. Safe to repeat.

    \b
    Examples:
      denoscope demo
      denoscope demo --out audits/demo --no-pictures
    """
    from denoscope.checkpoints import describe_model
    from denoscope.tables import check_output

    voice = Voice(as_json, quiet)
    jobs = {
        model: AuditJob(
            out=check_output(out / opt.name_of(model), overwrite=True),
            command=context.find_root().obj,
            device=device.value,
            seed=seed,
            show_pictures=not no_pictures,
            overwrite=True,
        )
        for model in MODELS
    }
    summaries = {}
    for model, job in jobs.items():
        opened = describe_model(model)
        known = trained_on(opened, data=None)
        voice.say(f"auditing {opt.name_of(model)}, trained on {len(known.train)} pictures ...")
        summaries[model] = job.run(voice, opened, known)
    voice.say()
    voice.table(
        side_by_side({opt.name_of(model): one for model, one in summaries.items()}), heading=True
    )
    voice.say()
    for job in jobs.values():
        voice.say(f"report: {job.report}")
    voice.result({opt.name_of(model): jobs[model].result(one) for model, one in summaries.items()})
    return 0
