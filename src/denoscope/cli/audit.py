"""`denoscope audit`: does this model generalize or memorize?"""

from pathlib import Path

import typer

from denoscope.cli import options as opt
from denoscope.cli.audit_job import AuditJob, tell_verdict
from denoscope.cli.latents import taking
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import trained_on

__all__ = ["audit"]

FAIL_ON = ("memorizing", "transitional", "undertrained", "not_enough_evidence")
FAIL_ON_MET = 3


def audit(
    context: typer.Context,
    model: opt.ModelPlace,
    data: opt.Data = None,
    size: opt.Size = None,
    held_out: opt.HeldOut = None,
    split: opt.Split = None,
    split_seed: opt.SplitSeed = None,
    pictures: opt.PictureCount = 200,
    samples: opt.SampleCount = 100,
    levels: opt.Levels = 10,
    seed: opt.Seed = 0,
    device: opt.Device = opt.DeviceName.AUTO,
    precision: opt.AuditPrecision = opt.PrecisionName.FP32,
    compiled: opt.Compile = False,
    trust_remote_code: opt.Trust = False,
    out: opt.AuditOut = None,
    overwrite: opt.Overwrite = False,
    fail_on: opt.FailOn = None,
    no_pictures: opt.NoPictures = False,
    figures: opt.Figures = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Measure MODEL against its training pictures: tables, a verdict, a report.

    A run of `denoscope train` brings its data and split; else give --data, best with --held-out.

    \b
    Examples:
      denoscope audit runs/mnist-4000 --out audits/mnist-4000
      denoscope audit mine:open_model --data train/ --held-out test/ --size 32
    """
    from denoscope.checkpoints import describe_model
    from denoscope.tables import check_output

    voice = Voice(as_json, quiet)
    failing = opt.one_of_each("--fail-on", fail_on, FAIL_ON) if fail_on else []
    job = AuditJob(
        out=check_output(out or Path("audits") / opt.name_of(model), overwrite),
        command=context.find_root().obj,
        device=device.value,
        arithmetic=(precision.value, compiled),
        seed=seed,
        pictures=pictures,
        samples=samples,
        levels=levels,
        show_pictures=not no_pictures,
        figures=figures,
        overwrite=overwrite,
    )
    opened = describe_model(model, trust_remote_code=trust_remote_code)
    sets = {"size": size, "held_out": held_out, "split": split, "split_seed": split_seed}
    known = trained_on(opened, taking(voice, device.value), data=data, **sets)
    summary = job.run(voice, opened, known)
    tell_verdict(voice, summary, job.report)
    voice.result(job.result(summary))
    if failed := summary.verdict.label in failing:
        voice.say(f"--fail-on {summary.verdict.label}: exit code {FAIL_ON_MET}")
    return FAIL_ON_MET if failed else 0
