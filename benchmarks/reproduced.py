"""What of the paper could be reproduced and what not, and eight traps, out of the studies' claims.

    python benchmarks/reproduced.py        # docs/studies/paper-cpu -> docs/reproduced.md

The page's own words, the experiments behind the reasons among them, stand outside of the blocks.
"""

import argparse
import os
from pathlib import Path

from doc_blocks import fill_block, markdown_table
from gallery import DOCS, SIGNS, judged, plain, summary

from denoscope.paper import FIGURES, Claim
from denoscope.paper.claims import not_run, read_claims
from denoscope.paper.reproduce import CLAIMS, TRAP_CLAIMS
from denoscope.paper.traps import TRAPS

__all__ = ["failures", "laws", "traps"]


def failures(preset: str, rows: dict[int, Claim]) -> str:
    """How many claims hold, and a row for each that does not: what the paper says, and why not here."""
    others = [
        rows.get(figure.number) or not_run(figure, "not yet run") for figure in FIGURES.values()
    ]
    others = [row for row in others if row.state != "holds"]
    table = [
        [
            f"[{row.figure}](paper-gallery.md#fig-{row.figure})",
            plain(row.claim),
            SIGNS.get(row.state, row.state),
            plain(row.reason) + experiments(row.figure),
        ]
        for row in others
    ]
    head = ["Fig.", "claim", f"`{preset}`", "reason"]
    return summary({preset: rows}) + "\n\n" + markdown_table(head, table)


def experiments(figure: int) -> str:
    """Links to the traps that show what is behind a figure's reason, in words."""
    links = [
        f"[{plain(trap.title).lower()}](#trap-{trap.number})"
        for trap in TRAPS
        if figure in trap.explains
    ]
    return f". **Experiment:** {', '.join(links)}" if links else ""


def laws(before: dict[int, Claim], now: dict[int, Claim]) -> str:
    """What two studies of the same claims came to, for the figures that both ran."""
    both = [n for n in sorted(before) if "not run" not in (before[n].state, _state(now, n))]
    table = [
        [
            f"[{n}](paper-gallery.md#fig-{n})",
            f"{SIGNS[before[n].state]}: {plain(before[n].measured)}",
            f"{SIGNS[now[n].state]}: {plain(now[n].measured)}",
        ]
        for n in both
    ]
    kept = [sum(rows[n].state == "holds" for n in both) for rows in (before, now)]
    text = markdown_table(["Fig.", "EDM's law", "the wider law"], table)
    return f"Of {len(both)} claims {kept[0]} held under EDM's law, {kept[1]} hold now.\n\n{text}"


def _state(rows: dict[int, Claim], n: int) -> str:
    return rows[n].state if n in rows else "not run"


def traps(study: Path, page: Path) -> str:
    """A section a trap: what it says, what was measured, its drawings."""
    rows = read_claims(study / TRAP_CLAIMS)[1]
    folder = Path(os.path.relpath(study, page.parent)).as_posix()
    parts = []
    for trap in TRAPS:
        row = rows.get(trap.number) or not_run(trap, "not yet run")
        parts += [
            f"### {plain(trap.title)} {{ #trap-{trap.number} }}",
            f"**Claim.** {plain(trap.claim)}",
            f"**Holds if** {plain(trap.acceptance)}.",
            f"**Measured.** {judged(row)}",
        ]
        drawings = sorted((study / "figures").glob(f"trap-{trap.number}-*.png"))
        parts += [f"![{plain(trap.title)}]({folder}/figures/{path.name})" for path in drawings]
    return "\n\n".join(parts)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    words.add_argument("--study", type=Path, default=DOCS / "studies" / "paper-cpu")
    words.add_argument("--page", type=Path, default=DOCS / "reproduced.md")
    given = words.parse_args()
    study, page = given.study.resolve(), given.page.resolve()
    preset, rows = read_claims(study / CLAIMS)
    before = read_claims(study.with_name(f"{study.name}-edm-law") / CLAIMS)[1]
    fill_block(page, "laws", laws(before, rows))
    fill_block(page, "failures", failures(preset, rows))
    fill_block(page, "traps", traps(study, page))


if __name__ == "__main__":
    main()
