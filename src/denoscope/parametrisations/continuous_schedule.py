"""Schedules of a continuous time, each with the way back from a level to its time."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from denoscope.denoiser import SLACK
from denoscope.errors import InputError
from denoscope.parametrisations.schedule import Schedule, strictly_monotone

__all__ = ["ContinuousSchedule"]

PROBES = 1025  # times at which a schedule is held to what it promises
HALVINGS = 80  # from a range of 1 to well below a float64's spacing at t = 1e-5


class ContinuousSchedule(Schedule):
    """alpha(t) and sigma(t) for real t in [t_min, t_max].

    alpha, sigma: elementwise functions of a float64 tensor, alpha positive (end the range before
    alpha reaches 0), sigma positive, sigma / alpha strictly rising or strictly falling. time_of: the
    inverse of level = sigma / alpha; where None, the level is bracketed by halving the range in
    float64, which is exact to rounding and carries no derivative by the level. left_out: times
    beyond the range where alpha = 0.

    Raises InputError where a promise is broken at one of 1,025 even times.
    """

    def __init__(
        self,
        alpha: Callable[[Tensor], Tensor],
        sigma: Callable[[Tensor], Tensor],
        t_min: float,
        t_max: float,
        time_of: Callable[[Tensor], Tensor] | None = None,
        left_out: tuple[float, ...] = (),
    ) -> None:
        if not -math.inf < t_min < t_max < math.inf:
            raise InputError(f"times from {t_min:g} to {t_max:g}: give t_min < t_max, both finite")
        self._alpha, self._sigma, self._time_of = alpha, sigma, time_of
        self.t_min, self.t_max, self.left_out = float(t_min), float(t_max), left_out
        t = torch.linspace(t_min, t_max, PROBES, dtype=torch.float64)
        for name, values in (("alpha", self.alpha(t)), ("sigma", self.sigma(t))):
            bad = t[~(values.isfinite() & (values > 0))]
            if len(bad):
                raise InputError(
                    f"{name} is not positive and finite at t = {float(bad[0]):g}: give t_min and "
                    "t_max between which it is"
                )
        levels = self.level(t)
        if not strictly_monotone(levels):
            raise InputError(
                f"sigma / alpha neither rises nor falls throughout [{t_min:g}, {t_max:g}]: give "
                "functions or a range where each level has one time"
            )
        self._rising = bool(levels[-1] > levels[0])
        self.level_min, self.level_max = sorted((float(levels[0]), float(levels[-1])))
        off = (self.level(self.time_of(levels)) / levels - 1).abs()
        if time_of is not None and not bool((off < SLACK).all()):
            raise InputError(
                f"time_of is not the inverse of sigma / alpha (off by {float(off.max()):.1g}, "
                "relative): mend it, or leave it out"
            )

    @classmethod
    def vp(
        cls,
        beta_min: float = 0.1,
        beta_max: float = 20.0,
        t_min: float = 1e-5,
        t_max: float = 1.0,
    ) -> "ContinuousSchedule":
        """The variance preserving process (Song et al. 2021, eq. 33; Karras et al. 2022, table 1).

        B(t) = (beta_max - beta_min) t^2 / 2 + beta_min t, alpha = exp(-B / 2),
        sigma = sqrt(1 - exp(-B)), so that level = sqrt(exp(B) - 1).
        """
        if not 0 < beta_min <= beta_max < math.inf or t_min <= 0:
            raise InputError(
                f"beta_min {beta_min:g}, beta_max {beta_max:g}, t_min {t_min:g}: give "
                "0 < beta_min <= beta_max and t_min > 0"
            )
        rise = beta_max - beta_min

        def integral(t: Tensor) -> Tensor:
            return (rise / 2 * t + beta_min) * t

        def time_of(level: Tensor) -> Tensor:
            # The root in the form that loses no digits at small levels.
            b = (level**2).log1p()
            return 2 * b / ((beta_min**2 + 2 * rise * b).sqrt() + beta_min)

        return cls(
            lambda t: (-integral(t) / 2).exp(),
            lambda t: (-torch.expm1(-integral(t))).sqrt(),
            t_min,
            t_max,
            time_of,
        )

    @classmethod
    def ve(cls, sigma_min: float = 0.002, sigma_max: float = 80.0) -> "ContinuousSchedule":
        """alpha = 1, sigma = t: noise is added and nothing scaled (Karras et al. 2022, table 1, EDM).

        The time is the level itself, so any variance exploding model is one of these, told its time
        by a function of the level.
        """
        if not 0 < sigma_min < sigma_max < math.inf:
            raise InputError(
                f"levels from {sigma_min:g} to {sigma_max:g}: give 0 < sigma_min < sigma_max < inf"
            )
        return cls(torch.ones_like, torch.clone, sigma_min, sigma_max, torch.clone)

    @classmethod
    def flow(
        cls, shift: float = 1.0, t_min: float = 1e-3, t_max: float = 1 - 1e-3
    ) -> "ContinuousSchedule":
        """The straight flow, from the picture at t = 0 to noise at t = 1 (Liu et al. 2023; Lipman et al. 2023).

        alpha = 1 - s, sigma = s, with s = shift t / (1 + (shift - 1) t) (Esser et al. 2024, eq. 23);
        shift = 1 gives s = t. A model that is told s itself, as those of Esser et al. are, needs no
        shift here: which s its samplers visit changes nothing in it. At t = 1 alpha = 0: left out,
        as are times beyond t_max.
        """
        if not 0 < shift < math.inf or not 0 < t_min < t_max < 1:
            raise InputError(
                f"shift {shift:g}, times from {t_min:g} to {t_max:g}: give shift > 0 and "
                "0 < t_min < t_max < 1"
            )
        return cls(
            lambda t: (1 - t) / (1 + (shift - 1) * t),
            lambda t: shift * t / (1 + (shift - 1) * t),
            t_min,
            t_max,
            lambda level: level / (level + shift),
            left_out=(1.0,),
        )

    def alpha(self, t: Tensor) -> Tensor:
        return self._alpha(t.double())

    def sigma(self, t: Tensor) -> Tensor:
        return self._sigma(t.double())

    def time_of(self, level: Tensor) -> Tensor:
        level = level.double()
        return self._time_of(level) if self._time_of is not None else self._bracketed(level)

    def _bracketed(self, level: Tensor) -> Tensor:
        low, high = torch.full_like(level, self.t_min), torch.full_like(level, self.t_max)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            later = (self.level(middle) < level) == self._rising
            low, high = torch.where(later, middle, low), torch.where(later, high, middle)
        return (low + high) / 2
