"""What a schedule is: how much picture and how much noise a model sees at each of its times.

A diffusion or flow model is shown

    x_t = alpha(t) x0 + sigma(t) eps,        eps ~ N(0, I),  alpha >= 0,  sigma > 0.

Divided by alpha that is x0 + level eps with

    level(t) = sigma(t) / alpha(t),

the sigma of the contract D(x; sigma): every process of this form, variance preserving, exploding or
a straight flow, is the same family of denoisers in other units (Karras et al. 2022, section 2 and
appendix B; Kingma et al. 2021, section 3). log-SNR is ln(alpha^2 / sigma^2) = -2 ln(level). Levels
here are in the units of the pictures the model was trained on.

Where alpha = 0 there is nothing of the picture in x_t, and no finite level: such times are left out
and listed in `left_out`.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from denoscope.denoiser import SLACK

__all__ = ["Schedule"]


class Schedule(ABC):
    """alpha(t) and sigma(t) of x_t = alpha x0 + sigma eps, and back from a level to its time.

    t is the schedule's own time: an index, int64, for a `DiscreteSchedule`; a real number, float64,
    for a `ContinuousSchedule`. All functions work elementwise on tensors of any shape and answer in
    float64 on the tensor's device.

    levels: None where every level from level_min to level_max is known, else those there are,
        float64, from high to low.
    left_out: the times that have no level because alpha = 0 there.
    """

    level_min: float
    level_max: float
    levels: Tensor | None = None
    left_out: tuple[float, ...] = ()

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """The factor of the picture at t."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """The factor of the noise at t."""

    @abstractmethod
    def time_of(self, level: Tensor) -> Tensor:
        """The own time whose level this is; of a discrete schedule, the nearest in log level."""

    def level(self, t: Tensor) -> Tensor:
        """sigma(t) / alpha(t), the noise level after division by alpha; infinite where alpha = 0."""
        return self.sigma(t) / self.alpha(t)

    def knows(self, level: Tensor) -> Tensor:
        """Whether there is such a level, elementwise, bool; with a relative slack of 1e-6."""
        if self.levels is None:
            low, high = self.level_min * (1 - SLACK), self.level_max * (1 + SLACK)
            return (level >= low) & (level <= high)
        return (level.double() / self.level(self.time_of(level)) - 1).abs() <= SLACK

    def note(self) -> str:
        """One line for a report: how many levels there are, from where to where, what is left out."""
        count = "every level" if self.levels is None else f"{len(self.levels)} levels"
        text = f"{count} from {self.level_min:g} to {self.level_max:g}"
        if self.left_out:
            times = ", ".join(f"{t:g}" for t in self.left_out)
            text += f"; left out: time {times}, where alpha = 0 (pure noise has no finite level)"
        return text


def strictly_monotone(values: Tensor) -> bool:
    """Whether a sequence rises at every step, or falls at every step."""
    steps = torch.diff(values)
    return bool((steps > 0).all() | (steps < 0).all())
