"""`denoscope sample`: the same noise through a model and through closed forms."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.latents import taking
from denoscope.cli.sample_job import CLOSED_FORMS, SampleJob, closed_forms
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import trained_on
from denoscope.cli.whole_folder import check_new_folder

__all__ = ["sample"]

SolverName = StrEnum("SolverName", {"EULER": "euler", "HEUN": "heun"})
Beside = typer.Option(
    "--with", metavar="NAMES", help="Closed forms: gaussian, multi-delta, or both."
)
Seeds = typer.Option(metavar="LIST", help="One picture a seed: numbers and ranges with commas.")
Solver = typer.Option(help="euler is the paper's; heun is of second order.")
Out = typer.Option(metavar="DIR", rich_help_panel=opt.OUTPUT, help="A new or empty folder.")


def sample(
    model: opt.ModelPlace,
    out: Annotated[Path, Out],
    beside: Annotated[str | None, Beside] = None,
    seeds: Annotated[str, Seeds] = "0-15",
    levels: opt.Levels = 10,
    solver: Annotated[SolverName, Solver] = SolverName.EULER,
    data: opt.Data = None,
    size: opt.Size = None,
    split: opt.Split = None,
    split_seed: opt.SplitSeed = None,
    seed: opt.Seed = 0,
    device: opt.Device = opt.DeviceName.AUTO,
    trust_remote_code: opt.Trust = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Sample MODEL, and closed forms of its training pictures from the same noise.

    Writes samples.png (a row a denoiser, a column a seed), trajectories.png and samples.npz.

    \b
    Examples:
      denoscope sample runs/mnist-4000 --seeds 0-15 --out samples/mnist
      denoscope sample bundled:mnist-64 --with gaussian,multi-delta --out both
    """
    from denoscope.checkpoints import describe_model
    from denoscope.cli.devices import placed

    voice = Voice(as_json, quiet)
    names = opt.one_of_each("--with", beside, CLOSED_FORMS) if beside else []
    job = SampleJob(check_new_folder(out), opt.read_seeds(seeds), levels, solver.value, seed)
    opened = describe_model(model, trust_remote_code=trust_remote_code)
    network, where = placed(opened.denoiser, device.value)
    denoisers = {"network": network}
    if names or data:
        take = taking(voice, device.value)
        known = trained_on(opened, take, data=data, size=size, split=split, split_seed=split_seed)
        denoisers |= closed_forms(names, known.train, where)
    about = {"model": model, "hash": opened.content_hash}
    note = job.run(voice, denoisers, where, about, opened.autoencoder)
    rows = ", ".join(note["rows"])
    voice.say(f"samples.png: rows {rows}; columns seeds {seeds}; {note['samples_show']}")
    voice.say(f"trajectories.png: the same rows; {note['trajectories_show']}")
    voice.say(f"folder: {job.out}")
    voice.result({"folder": str(job.out), **note})
    return 0
