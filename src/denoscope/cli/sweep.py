"""`denoscope sweep`: a study of many trainings and audits, each done once."""

from denoscope.cli import options as opt
from denoscope.cli import study_options as words
from denoscope.cli.speech import Voice
from denoscope.cli.sweep_job import SweepJob

__all__ = ["sweep"]


def sweep(
    study: words.StudyFile,
    out: words.StudyOut = None,
    store: words.StorePlace = None,
    dry_run: words.DryRun = False,
    engine: words.Engine = words.EngineName.LOCAL,
    workers: words.Workers = None,
    address: words.Address = None,
    gpus_per_task: words.GpusPerTask = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Train and audit every cell of a study; print the verdicts side by side.

    What is there is not done again: interrupted or killed at any moment, the same command goes on, to
    the same tables. A cell that fails stops only what depends on it.

    \b
    Examples:
      denoscope sweep examples/study.toml --dry-run
      denoscope sweep examples/study.toml --workers 2 --out sweeps/digits
    """
    job = SweepJob(
        voice=Voice(as_json, quiet),
        file=study,
        out=out,
        store=store,
        engine=engine.value,
        workers=workers,
        address=address,
        gpus_per_task=gpus_per_task,
    )
    return job.tell_plan() if dry_run else job.run()
