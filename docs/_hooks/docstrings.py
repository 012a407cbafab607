"""Docstrings are plain text; this makes markdown of them for the reference pages.

Outside `code` and indented formulas every character stands for itself, examples (>>>) become code
blocks, and lines such as "x, sigma: what they are" become a list.
"""

import html
import re

import griffe

ENTRY = re.compile(r"([A-Za-z_]\w*(?:, [A-Za-z_]\w*)*): ")
SPECIAL = re.compile(r"([\\*_\[\]#])")


class PlainText(griffe.Extension):
    """Rewrites every docstring that is collected."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        if obj.docstring:
            blocks = re.split(r"\n[ \t]*\n", obj.docstring.value)
            obj.docstring.value = "\n\n".join(map(markdown, blocks))


def markdown(block: str) -> str:
    if block.lstrip().startswith(">>>"):
        return f"```pycon\n{block}\n```"
    if block.startswith("    "):
        return block  # an indented block is code already
    lines = block.splitlines()
    if ENTRY.match(lines[0]):
        return "\n".join(entry(line) for line in lines)
    return "\n".join(map(escaped, lines))


def entry(line: str) -> str:
    names = ENTRY.match(line)
    if not names:
        return "    " + escaped(line.strip())
    return f"- `{names[1]}`: {escaped(line[names.end() :])}"


def escaped(line: str) -> str:
    """The line with nothing in it that markdown would take for markup, `code` excepted."""
    pieces = line.split("`")
    for i in range(0, len(pieces), 2):  # those outside the backquotes
        pieces[i] = SPECIAL.sub(r"\\\1", html.escape(pieces[i], quote=False))
    return "`".join(pieces)
