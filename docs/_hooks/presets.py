"""Puts the sizes of the reproduction where a page says `<!-- presets -->`, read from the presets themselves."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

MARK = "<!-- presets -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """mkdocs calls this on every page."""
    return markdown.replace(MARK, table()) if MARK in markdown else markdown


def table() -> str:
    from denoscope.paper import PRESETS

    rows = {name: sizes(preset) for name, preset in PRESETS.items()}
    heads = next(iter(rows.values()))
    lines = [
        "| | " + " | ".join(f"`{name}`" for name in rows) + " |",
        "|---" * (len(rows) + 1) + "|",
    ]
    lines += [
        f"| {head} | " + " | ".join(one[head] for one in rows.values()) + " |" for head in heads
    ]
    return "\n".join(lines)


def sizes(preset: Any) -> dict[str, str]:
    """One preset, a column of the table."""
    main, second = preset.main, preset.second
    levels = ", ".join(f"{level:.3g}" for level in preset.dae_levels)
    return {
        "main set": pictures(main),
        "N of the ladder": listed(main.images),
        "N of the sweeps by width and length": f"{main.small:,}",
        "widths": listed(main.widths),
        "length, thousand pictures": f"{main.kimg:,g}",
        "the longest, of that N": f"{main.long_kimg or main.kimg:,g}",
        "ln sigma in training": f"N({main.p_mean:g}, {main.p_std:g}²)",
        "second set": pictures(second),
        "its N": listed(second.images),
        "its widths": listed(second.widths),
        "its length": f"{second.kimg:,g}",
        "levels of the DAEs": levels if len(preset.dae_levels) < 10 else "all ten",
        "trainings": str(trainings(preset)),
    }


def pictures(family: Any) -> str:
    channels, height, width = family.data.shape
    return f"{family.data.where}, {height}x{width}{', in colour' if channels == 3 else ''}"


def listed(counts: tuple[int, ...]) -> str:
    return ", ".join(f"{count:,}" for count in counts)


def trainings(preset: Any) -> int:
    """How many networks all thirty figures need; the data need not be at hand."""
    from denoscope.paper import FIGURES, Reproduction

    plan = Reproduction(preset, list(FIGURES.values()), Path("no-such-folder")).plan(opened=False)
    return sum(task.kind == "train" for task in plan.tasks)
