"""The other direction: any denoiser as a model of one's own parametrisation.

For another program's sampler, which asks for epsilon or v at its own times, and for tests. With
(y = m x + c the map to the range) at time t:

    x = (x_t / alpha - c) / m,    sigma = level(t) / m,    y0 = m D(x; sigma) + c,

and from y0 the prediction (`prediction.py`).
"""

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, check_denoiser
from denoscope.errors import InputError
from denoscope.parametrisations.data_range import DataRange
from denoscope.parametrisations.foreign_model import Model
from denoscope.parametrisations.prediction import Prediction, check_prediction, prediction_from_x0
from denoscope.parametrisations.schedule import Schedule
from denoscope.parametrisations.time_convention import NamedTime, check_time, understood

__all__ = ["as_prediction"]


def as_prediction(
    denoiser: Denoiser,
    prediction: Prediction,
    schedule: Schedule,
    *,
    time: NamedTime,
    data_range: tuple[float, float] = (-1.0, 1.0),
) -> Model:
    """model(x_t, t) -> prediction, the inverse of `from_epsilon` and its kin.

    x_t: (B, C, H, W) in data_range. t: a number, or a tensor (), (1,) or (B,), counted as `time` says.

    Raises InputError for settings that contradict each other and, in a call, for a time the schedule
    has not; SigmaOutOfRange for a time whose level the denoiser does not know.

    >>> import torch
    >>> import denoscope as ds
    >>> straight = ds.ContinuousSchedule.flow()
    >>> model = ds.from_flow(lambda x_t, t: x_t.cos(), straight, (1, 1, 1), time="t")
    >>> u = ds.as_prediction(model, "flow", straight, time="t")
    >>> u(torch.zeros(1, 1, 1, 1), 0.25).item()
    1.0
    """
    check_denoiser(denoiser)
    check_prediction(prediction)
    check_time(time, schedule)
    if callable(time):
        raise InputError(
            "time is a function, which cannot be read backwards: give a convention by its name and "
            "turn the sampler's time into it"
        )
    values = DataRange.of(*data_range)

    def model(x_t: Tensor, t: Tensor | float) -> Tensor:
        told = torch.as_tensor(t, device=x_t.device)
        if told.shape not in ((), (1,), x_t.shape[:1]):
            raise InputError(
                f"t has shape {tuple(told.shape)}; give a number, (1,) or ({len(x_t)},)"
            )
        own = understood(time, schedule, told.reshape(-1))
        alpha, sigma = (
            part(own).to(x_t.dtype).reshape(-1, 1, 1, 1)
            for part in (schedule.alpha, schedule.sigma)
        )
        x0 = denoiser(values.outward(x_t / alpha), schedule.level(own) / values.scale)
        return prediction_from_x0(prediction, x_t, values.inward(x0), alpha, sigma)

    return model
