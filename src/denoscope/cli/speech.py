"""What a verb says, and where: results on stdout, remarks and progress on stderr."""

import json
import os
import sys
from typing import Any

import typer

__all__ = ["Voice", "in_words"]

MANY = 12  # values of a list that are all told


class Voice:
    """One verb's words.

    as_json: words go to stderr, and `result` puts one JSON object on stdout. quiet: no words.
    Of several processes under `accelerate launch` only the first speaks.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.first = os.environ.get("RANK", "0") == "0"
        self.as_json, self.quiet = as_json, quiet or not self.first

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar may be drawn: on a terminal, and not when quiet."""
        return not self.quiet and sys.stderr.isatty()

    def say(self, text: str = "") -> None:
        """A line of words."""
        if not self.quiet:
            typer.echo(text, err=self.as_json)

    def table(self, rows: list[tuple[str, ...]], heading: bool = False) -> None:
        """Rows of equal length, in columns as wide as they need; the first row in bold as a heading."""
        if self.quiet or not rows:
            return
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for place, row in enumerate(rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            line = "  ".join(cells).rstrip()
            self.say(typer.style(line, bold=True) if heading and place == 0 else line)

    def result(self, content: dict[str, Any]) -> None:
        """The object that --json asks for."""
        if self.as_json and self.first:
            typer.echo(json.dumps(content, indent=2, default=str))


def in_words(value: object) -> str:
    """A value of --json as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        if len(value) > MANY:
            return f"{len(value):,}, from {value[0]:g} to {value[-1]:g}"
        return ", ".join(map(in_words, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
