"""The verbs under one name, and what `denoscope` says of itself."""

from typing import Annotated

import typer

from denoscope.cli.audit import audit
from denoscope.cli.compare import compare
from denoscope.cli.demo import demo
from denoscope.cli.distill import distill
from denoscope.cli.import_ import import_model
from denoscope.cli.info import info
from denoscope.cli.report import report
from denoscope.cli.reproduce import reproduce
from denoscope.cli.sample import sample
from denoscope.cli.sweep import sweep
from denoscope.cli.train import train

__all__ = ["app", "run_words"]

app = typer.Typer(
    name="denoscope",
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="MODEL: a run folder, a snapshot of one, an EDM pickle, a torch file, a diffusers folder or hub "
    "name, bundled:NAME, or module:factory.  "
    "DATA: digits, mnist-5k, mnist, fashion-mnist, cifar10, a folder, a zip, an npz, hf:owner/name.",
)
for verb in (demo, audit, compare, train, sample, distill, sweep, reproduce, report, info):
    app.command(no_args_is_help=False)(verb)
app.command("import", no_args_is_help=False)(import_model)  # a word that no function can have


@app.callback(invoke_without_command=True)
def denoscope(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Show, noise level by noise level, whether a diffusion model generalizes or memorizes.

    Start with: [bold]denoscope demo[/bold]
    """
    if version:
        from denoscope import __version__

        typer.echo(f"denoscope {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run_words(words: list[str]) -> int:
    """Run one command line; exceptions pass through. The words are kept as the context's object."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("denoscope", list(words), obj=["denoscope", *words]) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as done:
        return done.exit_code
