"""Sampling over a grid of levels: Euler and Heun, as generators. One file a concept."""

from denoscope.sampling.solvers import SOLVERS
from denoscope.sampling.trajectory import Step, sample, trajectory

__all__ = ["SOLVERS", "Step", "sample", "trajectory"]
