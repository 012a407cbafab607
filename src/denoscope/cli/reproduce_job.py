"""A reproduction as the command line runs it: the plan first, then the tasks, the figures, the claims."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.speech import Voice
from denoscope.cli.study_progress import about_seconds, follow
from denoscope.errors import InputError

if TYPE_CHECKING:
    from denoscope.paper import Claim, Plan, Preset, Reproduction
    from denoscope.sweeps import Event

__all__ = ["reproduce_figures"]

STATE_COLOURS = {"holds": "green", "does not hold": "red"}


def reproduce_figures(
    voice: Voice,
    names: list[str],
    preset_name: str,
    out: Path,
    *,
    data: str | None,
    size: int | None,
    dry_run: bool,
    engine: Any,
    workers: int | None,
    minutes: float | None,
    tables: Path | None,
) -> int:
    """Run, draw, check; 0 where every task ran, 1 where one failed."""
    from denoscope.paper import Reproduction, figures_named, preset_named, with_data
    from denoscope.paper.reproduce import CLAIMS, TRAP_CLAIMS

    if engine == "ray" and workers is not None:
        raise InputError(
            "--workers is for the local engine: Ray runs what its cluster has room for"
        )
    figures, preset = figures_named(names), preset_named(preset_name)
    if data is not None:
        preset = with_data(preset, data, size)
    elif size is not None:
        raise InputError("--size goes with --data: give both, or neither")
    work = Reproduction(preset, figures, out)
    work.check_folder()  # before hours of work that could not be written there
    if dry_run:
        plan, missing = _plan(work)
        _tell_plan(voice, preset, plan, out, missing)
        voice.result({"preset": preset.name, "out": str(out), "plan": _plan_rows(plan)})
        return 0
    plan = work.plan()
    _tell_plan(voice, preset, plan, out)
    left = 0
    if plan.missing:
        with closing(work.run(engine, workers)) as events:
            follow(voice, _until(events, minutes), plan.seconds)
        left = len(work.plan().missing)
    claims = work.claims()
    drawn = list(work.draw())
    path = work.save_claims(claims, TRAP_CLAIMS if names == ["traps"] else CLAIMS)
    _tell_claims(voice, claims)
    voice.say()
    if tables is not None:
        voice.say(f"tables: {work.collect(tables)}")
    voice.say(f"figures: {out / 'figures'} ({len(drawn)} files)")
    voice.say(f"claims: {path}")
    if left and not work.failed:
        voice.say(f"{left} tasks are left: the same command goes on")
    for name, why in list(work.failed.items())[:10]:
        voice.say(f"failed: {name}: {why}")
    voice.result(
        {
            "preset": preset.name,
            "out": str(out),
            "claims": [claim.model_dump(mode="json") for claim in claims],
            "figures": [str(file) for file in drawn],
            "failed": work.failed,
            "left": left,
        }
    )
    return 1 if work.failed else 0


def _plan(work: "Reproduction") -> "tuple[Plan, str]":
    """The plan, and why the data could not be opened for it, if so."""
    try:
        return work.plan(), ""
    except InputError as error:
        return work.plan(opened=False), str(error)


def _until(events: "Iterator[Event]", minutes: float | None) -> "Iterator[Event]":
    """Events until the time is over."""
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    for event in events:
        yield event
        if time.monotonic() > end:
            return


def _plan_rows(plan: "Plan") -> list[dict[str, Any]]:
    return [
        {"kind": kind, "tasks": all_, "missing": missing, "seconds": round(seconds)}
        for kind, (all_, missing, seconds) in plan.by_kind().items()
    ]


def _tell_plan(voice: Voice, preset: "Preset", plan: "Plan", out: Path, missing: str = "") -> None:
    main, second = preset.main, preset.second
    voice.say(
        f"preset {preset.name}: {main.data.where} at {'x'.join(map(str, main.data.shape))}, "
        f"N = {', '.join(f'{n:,}' for n in main.images)}, widths {', '.join(map(str, main.widths))}, "
        f"{main.kimg:,g} thousand pictures a training; second set {second.data.where}"
    )
    if missing:
        voice.say(f"the data are not at hand ({missing})")
    rows = [("kind", "tasks", "to run", "one thread")]
    for row in _plan_rows(plan):
        rows.append(
            (row["kind"], str(row["tasks"]), str(row["missing"]), about_seconds(row["seconds"]))
        )
    voice.table(rows, heading=True)
    voice.say(
        f"about {about_seconds(plan.seconds)} of one thread on two cores like the reference machine's, "
        f"{about_seconds(plan.seconds / 2)} on both; results in {out}"
    )
    voice.say()


def _tell_claims(voice: Voice, claims: "list[Claim]") -> None:
    """The table of claims, wrapped to the terminal."""
    if voice.quiet:
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 1))
    for name, share in (("fig", 1), ("claim", 8), ("measured", 10), ("", 3)):
        table.add_column(name, ratio=share, overflow="fold")
    for one in claims:
        colour = STATE_COLOURS.get(one.state, "yellow")
        measured = escape(one.measured) + (
            f"\n[dim]{escape(one.reason)}[/dim]" if one.reason else ""
        )
        table.add_row(str(one.figure), escape(one.claim), measured, f"[{colour}]{one.state}[/]")
    Console(stderr=voice.as_json, width=None).print(table)
    held = sum(one.state == "holds" for one in claims)
    voice.say(f"{held} of {len(claims)} claims hold")
