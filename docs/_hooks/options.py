"""Puts the options of a verb where a page says `<!-- options: VERB -->`.

They are read from the command line itself at every build, so the pages cannot fall behind it.
"""

import re
import sys
from enum import Enum
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

MARK = re.compile(r"<!-- options: (\w+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """mkdocs calls this on every page."""
    return MARK.sub(lambda found: table(found[1]), markdown)


def table(verb: str) -> str:
    import typer.main

    from denoscope.cli.app import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    rows = [row(parameter) for parameter in commands[verb].params if parameter.name != "help"]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def row(parameter: Any) -> str:
    words = [word for word in parameter.opts if word.startswith("-")]
    value = value_of(parameter)
    shown = ", ".join(f"`{f'{word} {value}'.strip()}`" for word in words) or f"`{value}`"
    return f"| {shown} | {escaped(default_of(parameter))} | {escaped(parameter.help or '')} |"


def value_of(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return ""
    if isinstance(parameter.default, Enum):
        return "|".join(choice.value for choice in type(parameter.default))
    return parameter.metavar or (
        "" if parameter.opts[0].startswith("-") else parameter.name.upper()
    )


def default_of(parameter: Any) -> str:
    if parameter.required:
        return "must be given"
    shown = parameter.show_default
    if isinstance(shown, str):
        return shown
    if shown is False or parameter.default is None or getattr(parameter, "is_flag", False):
        return ""
    return f"`{getattr(parameter.default, 'value', parameter.default)}`"


def escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
