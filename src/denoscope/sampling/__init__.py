"""Sampling over a grid of levels: Euler and Heun, as generators, and what is known of it exactly.

One file a concept.
"""

from denoscope.sampling.gaussian_flow import gaussian_flow, gaussian_transport
from denoscope.sampling.perturbation import Perturbation, perturbation
from denoscope.sampling.solvers import SOLVERS
from denoscope.sampling.trajectory import Step, continued, sample, trajectory

__all__ = [
    "SOLVERS",
    "Perturbation",
    "Step",
    "continued",
    "gaussian_flow",
    "gaussian_transport",
    "perturbation",
    "sample",
    "trajectory",
]
