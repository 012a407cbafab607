"""`denoscope compare`: audits side by side."""

from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli import options as opt
from denoscope.cli.compare_job import named, tell_comparison
from denoscope.cli.speech import Voice

__all__ = ["compare"]


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR DIR ...", show_default=False, help="What `denoscope audit` wrote to --out."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=opt.OUTPUT,
            show_default=False,
            help="Write the table, a page and the charts there: a new or empty folder.",
        ),
    ] = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Hold audits against the first one, picture by picture where they share noise.

    Audits of one seed showed both models the same noisy pictures: differences are then much surer.
    What cannot be compared is said, and the rest is. Nothing is written without --out.

    \b
    Examples:
      denoscope compare audits/early audits/late
      denoscope compare audits/small audits/large audits/larger --out compared
    """
    from denoscope.cli.whole_folder import check_new_folder, whole_folder
    from denoscope.report import write_comparison
    from denoscope.tables import compare_audits, read_audit

    voice = Voice(as_json, quiet)
    target = check_new_folder(out) if out else None
    audits = {name: read_audit(folder) for name, folder in named(folders).items()}
    found = compare_audits(audits)
    page = None
    if target is not None:
        with whole_folder(target) as staging:
            write_comparison(staging, audits, found)
        page = target / "compare.html"
    tell_comparison(voice, audits, found)
    if page is not None:
        voice.say(f"page: {page}")
    summaries = {name: audits[name].summary.model_dump(mode="json") for name in found.names}
    rows = found.table.to_dicts()
    told = {"audits": summaries, "remarks": list(found.remarks), "differences": rows}
    voice.result({**told, "page": page})
    return 0
