"""The level to ask for when a network is told another one than the one meant, mistake by mistake."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from denoscope.denoiser import Spec
from denoscope.parametrisations import DiscreteSchedule

__all__ = ["SCHEDULES", "reversed_levels", "taken_for"]

SCHEDULES = ("linear", "scaled_linear", "cosine")
STEPS = 1000


@cache
def _log_levels(schedule: str) -> NDArray[np.float64]:
    """log sigma of the steps of a published schedule, rising."""
    table: DiscreteSchedule = getattr(DiscreteSchedule, schedule)(STEPS)
    levels = torch.as_tensor(table.levels)  # a discrete schedule always lists them
    return np.log(levels.flip(0).numpy())


def _step(schedule: str, sigma: float) -> float:
    """The step of this level, between whole ones too; NaN where none has it."""
    known = _log_levels(schedule)
    return float(np.interp(math.log(sigma), known, np.arange(STEPS), math.nan, math.nan))


def _at_step(schedule: str, step: float) -> float:
    return float(np.exp(np.interp(step, np.arange(STEPS), _log_levels(schedule))))


def taken_for(assumed: str, true: str) -> Callable[[float], float]:
    """The level to ask for when sigma is meant and the steps of `true` were read as of `assumed`.

    Asked for s, the wrapper tells the step t with s = sigma_assumed(t), which the network takes as
    sigma_true(t). NaN where no step has that level.
    """
    return lambda sigma: _at_step(assumed, _step(true, sigma))


def reversed_levels(spec: Spec) -> list[Callable[[float], float]]:
    """The level to ask for when time runs the other way.

    Of a model with levels of its own, the one in the mirrored place. Otherwise time may be the
    share of noise, whose mirror image is 1 / sigma, the step of a published schedule, or the
    logarithm of sigma within its range.
    """
    if spec.levels is not None:
        levels = sorted(spec.levels.tolist())

        def mirrored(sigma: float) -> float:
            place = min(range(len(levels)), key=lambda i: abs(math.log(levels[i] / sigma)))
            return levels[-1 - place]

        return [mirrored]
    low, high = spec.sigma_min, spec.sigma_max
    found: list[Callable[[float], float]] = [lambda sigma: 1 / sigma]
    found += [
        lambda sigma, one=one: _at_step(one, STEPS - 1 - _step(one, sigma)) for one in SCHEDULES
    ]
    if 0 < low < high < math.inf:
        found.append(lambda sigma: low * high / sigma)
    return found
