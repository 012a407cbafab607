"""Schedules and parametrisations: any diffusion or flow model, in one line, as D(x; sigma)."""

from denoscope.parametrisations.continuous_schedule import ContinuousSchedule
from denoscope.parametrisations.direct_denoiser import BlindDenoiser, from_blind, from_denoised
from denoscope.parametrisations.discrete_schedule import DiscreteSchedule
from denoscope.parametrisations.predicting import as_prediction
from denoscope.parametrisations.prediction import Prediction
from denoscope.parametrisations.prediction_denoiser import (
    PredictionDenoiser,
    from_epsilon,
    from_flow,
    from_score,
    from_velocity,
    from_x0,
)
from denoscope.parametrisations.schedule import Schedule
from denoscope.parametrisations.time_convention import TimeConvention

__all__ = [
    "BlindDenoiser",
    "ContinuousSchedule",
    "DiscreteSchedule",
    "Prediction",
    "PredictionDenoiser",
    "Schedule",
    "TimeConvention",
    "as_prediction",
    "from_blind",
    "from_denoised",
    "from_epsilon",
    "from_flow",
    "from_score",
    "from_velocity",
    "from_x0",
]
