"""The options of `denoscope distill` alone."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from denoscope.cli.options import OUTPUT

__all__ = ["Budget", "Images", "Inputs", "InputsName", "Out"]


class InputsName(StrEnum):
    """What is shown to the model."""

    HELD_OUT = "held_out"
    TRAIN = "train"
    NOISE = "noise"


Out = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        rich_help_panel=OUTPUT,
        help="A new or empty folder, or one in which the same was begun: it goes on.",
    ),
]
Inputs = Annotated[
    InputsName,
    typer.Option(
        help="What it is fitted on. On train the result is near the Gaussian whatever the model is."
    ),
]
Images = Annotated[
    int,
    typer.Option(
        min=10, metavar="N", help="Pictures distilled on, at most: to fit, to steer and to score."
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="EVALS",
        show_default="until it settles",
        help="Evaluations of MODEL a level, at most; those that score come on top.",
    ),
]
