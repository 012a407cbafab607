"""A model of any schedule, prediction, time and range as the denoiser D(x; sigma) that it is.

For x = x0 + sigma eps in [-1, 1] units, with y = m x + c the map to the model's data range:

    t = the time whose level sigma(t) / alpha(t) is m sigma
    x_t = alpha(t) (m x + c)
    y0 = x0 from the model's answer at (x_t, t)          (the formulas of `prediction.py`)
    D(x; sigma) = (y0 - c) / m

Nothing is approximated: x_t is exactly what the model would have been shown, because
alpha (m x + c) = alpha y0 + sigma(t) eps.
"""

from typing import Literal

import torch
from torch import Tensor

from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError, SigmaOutOfRange
from denoscope.parametrisations.data_range import DataRange
from denoscope.parametrisations.discrete_schedule import DiscreteSchedule
from denoscope.parametrisations.foreign_model import (
    Model,
    check_answer,
    check_model,
    check_shape,
    dtype_of,
)
from denoscope.parametrisations.prediction import (
    Prediction,
    check_prediction,
    x0_from_prediction,
)
from denoscope.parametrisations.schedule import Schedule
from denoscope.parametrisations.time_convention import TimeConvention, check_time, told

__all__ = [
    "PredictionDenoiser",
    "from_epsilon",
    "from_flow",
    "from_score",
    "from_velocity",
    "from_x0",
]


class PredictionDenoiser:
    """D(x; sigma) of a model that predicts one of epsilon, velocity, x0, score and flow.

    model: called as model(x_t, t) with x_t (B, C, H, W) in the model's range and t (B,), each row's
        time, on x's device; answers the prediction, of x_t's shape. A torch.nn.Module is called in
        the dtype of its parameters, else in x's, and must be in evaluation mode.
    prediction: what it predicts.
    schedule: which x_t and t go with a level.
    shape: (C, H, W) of one picture.
    time: how the model counts it.
    data_range: the model's values for black and white.

    A discrete schedule's levels are `spec.levels`, and a level between two of them is refused:
    `snap_to_levels(denoiser.spec, sigma)` finds the nearest.

    Raises InputError for settings that contradict each other and for an answer that is no tensor of
    x_t's shape; SigmaOutOfRange, in a call, for a level that the schedule has not.
    """

    def __init__(
        self,
        model: Model,
        prediction: Prediction,
        schedule: Schedule,
        shape: tuple[int, int, int],
        *,
        time: TimeConvention,
        data_range: tuple[float, float] = (-1.0, 1.0),
        name: str = "model",
    ) -> None:
        check_model(model)
        check_prediction(prediction)
        check_time(time, schedule)
        self.data_range, self.range = data_range, DataRange.of(*data_range)
        self.model, self.schedule = model, schedule
        self.prediction: Prediction = prediction
        self.time: TimeConvention = time
        levels = schedule.levels
        self.spec = Spec(
            name=name,
            shape=check_shape(shape),
            sigma_min=schedule.level_min / self.range.scale,
            sigma_max=schedule.level_max / self.range.scale,
            levels=None if levels is None else levels.cpu() / self.range.scale,
        )
        if hasattr(model, "to"):  # what has no `to` stays where it is, and says so by its absence
            self.to = self._moved

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        check_call(self.spec, x, sigma)
        level = sigma.double() * self.range.scale
        if self.spec.levels is not None and not bool(self.schedule.knows(level).all()):
            raise SigmaOutOfRange(
                f"{self.spec.name}: sigma from {float(sigma.min()):g} to {float(sigma.max()):g} "
                f"asked; it knows {len(self.spec.levels)} levels from {self.spec.sigma_max:g} to "
                f"{self.spec.sigma_min:g} alone: choose among these (snap_to_levels finds the "
                "nearest)"
            )
        t = self.schedule.time_of(level)
        alpha, noise = (
            part(t).to(x.dtype).reshape(-1, 1, 1, 1)
            for part in (self.schedule.alpha, self.schedule.sigma)
        )
        x_t = alpha * self.range.inward(x)
        dtype = dtype_of(self.model, x)
        time = told(self.time, self.schedule, t, dtype)
        # Every row its own time, whatever the caller gave: many models take no other shape.
        answer = self.model(x_t.to(dtype), time.expand(len(x)))
        check_answer(self.spec.name, answer, x_t)
        y0 = x0_from_prediction(self.prediction, x_t, answer.to(x.dtype), alpha, noise)
        return self.range.outward(y0)

    def _moved(self, device: torch.device | str) -> "PredictionDenoiser":
        """The same with model and table on `device`; a torch.nn.Module is itself moved there."""
        schedule = self.schedule
        return PredictionDenoiser(
            self.model.to(device),  # pyright: ignore
            self.prediction,
            schedule.to(device) if isinstance(schedule, DiscreteSchedule) else schedule,
            self.spec.shape,
            time=self.time,
            data_range=self.data_range,
            name=self.spec.name,
        )


def from_epsilon(
    model: Model,
    schedule: Schedule,
    shape: tuple[int, int, int],
    *,
    time: TimeConvention,
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> PredictionDenoiser:
    """Of a model that predicts the noise: x0 = (x_t - sigma_t eps) / alpha_t (Ho et al. 2020, eq. 15).

    model, schedule, shape, time, data_range: as `PredictionDenoiser` takes them, and errors too.

    >>> import denoscope as ds
    >>> table = ds.DiscreteSchedule.linear(1000)
    >>> model = ds.from_epsilon(lambda x_t, t: 0 * x_t, table, (1, 8, 8), time="index")
    >>> len(model.spec.levels), round(model.spec.sigma_max, 1)
    (1000, 157.4)
    """
    return PredictionDenoiser(
        model, "epsilon", schedule, shape, time=time, data_range=data_range, name=name
    )


def from_velocity(
    model: Model,
    schedule: Schedule,
    shape: tuple[int, int, int],
    *,
    time: TimeConvention,
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> PredictionDenoiser:
    """Of a model that predicts v = alpha_t eps - sigma_t x0 (Salimans and Ho 2022, appendix D).

    x0 = (alpha_t x_t - sigma_t v) / (alpha_t^2 + sigma_t^2), the divisor being 1 for a variance
    preserving schedule. The rest is as for `from_epsilon`.
    """
    return PredictionDenoiser(
        model, "velocity", schedule, shape, time=time, data_range=data_range, name=name
    )


def from_x0(
    model: Model,
    schedule: Schedule,
    shape: tuple[int, int, int],
    *,
    time: TimeConvention,
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> PredictionDenoiser:
    """Of a model that answers the clean picture itself, shown x_t. The rest is as for `from_epsilon`.

    A model shown x0 + sigma eps and told sigma is shorter opened with `from_denoised`.
    """
    return PredictionDenoiser(
        model, "x0", schedule, shape, time=time, data_range=data_range, name=name
    )


def from_score(
    model: Model,
    schedule: Schedule,
    shape: tuple[int, int, int],
    *,
    time: TimeConvention,
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> PredictionDenoiser:
    """Of a model of the score, grad log p_t(x_t) = -E[eps | x_t] / sigma_t (Song et al. 2021).

    x0 = (x_t + sigma_t^2 score) / alpha_t (Tweedie). The gradient is by x_t, in the model's own range.
    The rest is as for `from_epsilon`.
    """
    return PredictionDenoiser(
        model, "score", schedule, shape, time=time, data_range=data_range, name=name
    )


def from_flow(
    model: Model,
    schedule: Schedule,
    shape: tuple[int, int, int],
    *,
    time: TimeConvention,
    velocity: Literal["eps - x0", "x0 - eps"] = "eps - x0",
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> PredictionDenoiser:
    """Of a model of the straight flow's velocity u = eps - x0 (Liu et al. 2023; Lipman et al. 2023).

    x0 = (x_t - sigma_t u) / (alpha_t + sigma_t), with `ContinuousSchedule.flow()` x_t - t u. velocity:
    the sign that was trained. Where time runs from noise at 0 to pictures at 1 it is "x0 - eps", and
    time=lambda t: 1 - t. The rest is as for `from_epsilon`.

    >>> import torch
    >>> import denoscope as ds
    >>> straight = ds.ContinuousSchedule.flow()
    >>> model = ds.from_flow(lambda x_t, t: x_t, straight, (1, 1, 1), time=lambda t: 1000 * t)
    >>> model(torch.ones(1, 1, 1, 1), torch.tensor([1.0])).item()  # t = 1/2: 1/2 - 1/2 * 1/2
    0.25
    """
    if velocity not in ("eps - x0", "x0 - eps"):
        raise InputError(f'velocity={velocity!r} given: give "eps - x0" or "x0 - eps"')
    return PredictionDenoiser(
        model,
        "flow" if velocity == "eps - x0" else "flow-to-data",
        schedule,
        shape,
        time=time,
        data_range=data_range,
        name=name,
    )
