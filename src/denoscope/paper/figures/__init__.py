"""The thirty figures of Li et al. 2024, one a file."""

from importlib import import_module

from denoscope.errors import InputError
from denoscope.paper.figure import Figure
from denoscope.paper.traps import TRAPS

__all__ = ["FIGURES", "NAMED", "figures_named"]

NUMBERS = range(1, 31)
NAMED = (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 23, 24, 28)
"""The figures whose claims this project set out to meet on the `cpu` preset."""

FIGURES: dict[str, Figure] = {
    f"fig{n}": import_module(f"denoscope.paper.figures.fig{n:02}").FIGURE for n in NUMBERS
}


def figures_named(words: list[str]) -> list[Figure]:
    """Figures by name ("fig7", "7"), in the paper's order; "all" or nothing for all of them; "traps"
    alone for the five consequences of the definitions.

    Raises InputError for an unknown name.
    """
    if not words or "all" in words:
        return list(FIGURES.values())
    if words == ["traps"]:
        return list(TRAPS)
    names = [word if word.startswith("fig") else f"fig{word}" for word in words]
    unknown = [word for word, name in zip(words, names, strict=True) if name not in FIGURES]
    if unknown:
        raise InputError(
            f"figure {unknown[0]!r} is unknown: give fig1 to fig30, all, or traps alone"
        )
    return [figure for name, figure in FIGURES.items() if name in names]
