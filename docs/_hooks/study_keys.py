"""Puts the keys of study.toml where a page says `<!-- study keys -->`: types and defaults from the
settings themselves, words from their sources, so the page cannot fall behind them."""

import importlib
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import griffe

SOURCE = Path(__file__).parents[2] / "src"
sys.path.insert(0, str(SOURCE))

MARK = "<!-- study keys -->"
TABLES = {
    "[data]": ("sweeps.study", "DataWords", "Which pictures."),
    "[[axes]]": (
        "sweeps.study",
        "Axes",
        "Any number of blocks. Each stands for every combination of its lists, `kimg` aside.",
    ),
    "[audit]": ("sweeps.study", "AuditWords", "How each network is audited."),
    "[training]": (
        "training.settings",
        "TrainSettings",
        "The base of every training, as the options of `denoscope train`.",
    ),
    "[network]": (
        "networks.settings",
        "NetworkSettings",
        "The base of every network. What is left out takes the value published for its architecture, "
        "cut to the size of the pictures; the defaults shown are those of DDPM++ at 32 pixels.",
    ),
}
ELSEWHERE = {("[network]", "arch"): "ddpmpp"}  # a default that the study gives


def on_page_markdown(markdown: str, **_: Any) -> str:
    """mkdocs calls this on every page."""
    return (
        markdown.replace(MARK, "\n\n".join(map(section, TABLES))) if MARK in markdown else markdown
    )


def section(table: str) -> str:
    from denoscope.sweeps.study import TABLES as KEYS

    module, name, about = TABLES[table]
    model = getattr(importlib.import_module(f"denoscope.{module}"), name)
    sources = griffe.load(f"denoscope.{module}", search_paths=[str(SOURCE)])[name].attributes
    rows = [
        f"| `{key}` | {kind(field.annotation)} | {default(table, key, field)} | {words(sources[key])} |"
        for key, field in model.model_fields.items()
        if key in KEYS[table.strip("[]")]
    ]
    head = ["| key | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## `{table}`", "", about, "", *head, *rows])


def kind(annotation: Any) -> str:
    inner = [one for one in get_args(annotation) if one not in (type(None), Ellipsis)]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if get_origin(annotation) is tuple:
        return f"list of {kind(inner[0])}".replace(" number", " numbers")
    if get_origin(annotation) in (Union, UnionType):
        return kind(inner[0])
    names = {int: "whole number", float: "number", str: "words", bool: "`true`, `false`"}
    return names[annotation]


def default(table: str, key: str, field: Any) -> str:
    if (table, key) in ELSEWHERE:
        return f"`{ELSEWHERE[table, key]}`"
    if field.is_required():
        return "must be given"
    if field.default in (None, ()):
        return ""
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def words(source: Any) -> str:
    text = " ".join(source.docstring.value.split()) if source.docstring else ""
    return text.replace("|", "\\|").replace("[", "\\[")
