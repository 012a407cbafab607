"""Audits by name, and what their comparison says on the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from denoscope.cli.speech import Voice

if TYPE_CHECKING:
    from denoscope.tables import AuditTables, Comparison

__all__ = ["named", "tell_comparison"]


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by the shortest end of their paths that tells them apart; one given twice is counted."""
    whole = [folder.expanduser().resolve().parts[1:] for folder in folders]
    length = 1
    while len({parts[-length:] for parts in whole}) < len(set(whole)):
        length += 1
    found: dict[str, Path] = {}
    for folder, parts in zip(folders, whole, strict=True):
        name = "/".join(parts[-length:]) or str(folder)
        times = sum(one == name or one.startswith(f"{name} (") for one in found)
        found[f"{name} ({times + 1})" if times else name] = folder
    return found


def tell_comparison(voice: Voice, audits: "dict[str, AuditTables]", found: "Comparison") -> None:
    """Headline figures side by side, then the differences from the first, then what to know."""
    from denoscope.report.comparison_rows import difference_rows, headline_rows, sample_rows

    voice.table(headline_rows({name: audits[name].summary for name in found.names}), heading=True)
    first, *others = found.names
    parts = {f"samples, less those of {first}": sample_rows(found)}
    parts |= {f"{name} less {first}": difference_rows(found, name) for name in others}
    for title, rows in parts.items():
        if rows:
            voice.say(f"\n{title} (± two standard errors; u: unpaired)")
            voice.table(rows, heading=True)
    for remark in found.remarks:
        voice.say(f"remark: {remark}")
