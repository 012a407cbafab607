"""What is measured of a model for the paper's figures, one task a file; figures read only their tables."""

from denoscope.paper.measuring.descent import GradientDescent
from denoscope.paper.measuring.distillation import Distillation
from denoscope.paper.measuring.errors import Errors
from denoscope.paper.measuring.identity import Identity
from denoscope.paper.measuring.jacobian import Jacobian
from denoscope.paper.measuring.linearity import ALPHA_SQUARED, Linearity
from denoscope.paper.measuring.measurement import Measurement
from denoscope.paper.measuring.outputs import Outputs
from denoscope.paper.measuring.perturbation import Perturbation
from denoscope.paper.measuring.rank_gap import RankGap
from denoscope.paper.measuring.samples import Samples

__all__ = [
    "ALPHA_SQUARED",
    "Distillation",
    "Errors",
    "GradientDescent",
    "Identity",
    "Jacobian",
    "Linearity",
    "Measurement",
    "Outputs",
    "Perturbation",
    "RankGap",
    "Samples",
]
