"""Text that a study writes into a page of the docs, between two comments that name it."""

from pathlib import Path

from denoscope.errors import InputError
from denoscope.tables import write_file

__all__ = ["fill_block", "markdown_table"]


def fill_block(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- BEGIN name -->` and `<!-- END name -->` in `page`."""
    begin, end = f"<!-- BEGIN {name} -->", f"<!-- END {name} -->"
    content = page.read_text(encoding="utf-8")
    if content.count(begin) != 1 or content.count(end) != 1:
        raise InputError(f"{page} has no place for {name}: put {begin} and {end} into it, once")
    before, rest = content.split(begin)
    _, after = rest.split(end)
    write_file(page, f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}".encode())


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)
