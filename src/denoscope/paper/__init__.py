"""Every figure of the paper: what it needs, what it draws, the claim it checks, at four sizes."""

from denoscope.paper.claims import Claim, read_claims
from denoscope.paper.figure import Check, Figure
from denoscope.paper.figures import FIGURES, NAMED, figures_named
from denoscope.paper.preset import Preset
from denoscope.paper.presets import PRESETS, preset_named
from denoscope.paper.reproduce import Plan, Reproduction, with_data

__all__ = [
    "FIGURES",
    "NAMED",
    "PRESETS",
    "Check",
    "Claim",
    "Figure",
    "Plan",
    "Preset",
    "Reproduction",
    "figures_named",
    "preset_named",
    "read_claims",
    "with_data",
]
