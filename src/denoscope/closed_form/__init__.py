"""Denoisers known from a data set alone: the two ends between which a trained network lies."""

from denoscope.closed_form.gaussian import GaussianDenoiser
from denoscope.closed_form.linear import LinearDenoiser
from denoscope.closed_form.moments import Moments
from denoscope.closed_form.multi_delta import MultiDeltaDenoiser
from denoscope.closed_form.posterior import Posterior
from denoscope.closed_form.shards import merge_posteriors

__all__ = [
    "GaussianDenoiser",
    "LinearDenoiser",
    "Moments",
    "MultiDeltaDenoiser",
    "Posterior",
    "merge_posteriors",
]
