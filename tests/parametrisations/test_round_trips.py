"""Every parametrisation to D(x; sigma) and back, under any schedule, to 1e-10 for alpha >= 1e-3."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.noise import noise
from denoscope.parametrisations import (
    ContinuousSchedule,
    Prediction,
    PredictionDenoiser,
    as_prediction,
)
from parametrisations.schedules_drawn import DATA_RANGES, own_times, schedules, time_names

SHAPE = (2, 3, 3)
PREDICTIONS = list(get_args(Prediction))
ROWS = 6


def some(stream: str) -> Tensor:
    return noise(range(ROWS), SHAPE, seed=0, stream=stream).double()


def crooked(x: Tensor, sigma: Tensor) -> Tensor:
    """As far from any closed form as it likes, and of the size of a picture."""
    return (x / (1 + sigma**2) + 0.3 * (1.7 * x).sin() * sigma / (1 + sigma)).clamp(-3, 3)


DENOISER = FunctionDenoiser(crooked, Spec("crooked", SHAPE))


def column(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1, 1).double()


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@given(data=st.data(), make=schedules(), prediction=st.sampled_from(PREDICTIONS))
def test_denoiser_to_prediction_and_back(data, make, prediction):
    schedule = make()
    time = data.draw(st.sampled_from(time_names(schedule)))
    span = data.draw(st.sampled_from(DATA_RANGES))
    model = as_prediction(DENOISER, prediction, schedule, time=time, data_range=span)
    again = PredictionDenoiser(model, prediction, schedule, SHAPE, time=time, data_range=span)
    sigma = schedule.level(own_times(schedule, ROWS)) / ((span[1] - span[0]) / 2)
    x = 0.5 * some("x0") + column(sigma) * some("eps")
    assert_close(again(x, sigma), DENOISER(x, sigma))


@given(data=st.data(), make=schedules(), prediction=st.sampled_from(PREDICTIONS))
def test_prediction_to_denoiser_and_back(data, make, prediction):
    schedule = make()
    time = data.draw(st.sampled_from(time_names(schedule)))
    span = data.draw(st.sampled_from(DATA_RANGES))
    t = own_times(schedule, ROWS)
    alpha, sigma = column(schedule.alpha(t)), column(schedule.sigma(t))
    size = 1 / sigma if prediction == "score" else 1  # a score is noise over its deviation

    def model(x_t: Tensor, told: Tensor) -> Tensor:
        return size * (0.7 * x_t + 0.1 * column(told).abs().log1p()).cos()

    told = {
        "index": t,
        "index/T": t.double() / len(getattr(schedule, "alphas", [0])),
        "t": t,
        "sigma": schedule.level(t),
        "log-snr": 2 * (schedule.alpha(t) / schedule.sigma(t)).log(),
    }[time]
    denoiser = PredictionDenoiser(model, prediction, schedule, SHAPE, time=time, data_range=span)
    again = as_prediction(denoiser, prediction, schedule, time=time, data_range=span)
    x_t = alpha * 0.5 * some("x0") + sigma * some("eps")
    assert_close(again(x_t, told) / size, model(x_t, told) / size)


@given(data=st.data(), make=schedules(), span=st.sampled_from(DATA_RANGES))
def test_any_prediction_under_any_schedule_is_the_same_denoiser_as_any_exploding_one(
    data, make, span
):
    """Above all: variance preserving re-expressed as variance exploding."""
    schedule = make()
    first, second = (data.draw(st.sampled_from(PREDICTIONS)) for _ in range(2))
    original = PredictionDenoiser(
        lambda x_t, t: (0.7 * x_t).cos(),
        first,
        schedule,
        SHAPE,
        time=time_names(schedule)[0],
        data_range=span,
    )
    low, high = original.spec.sigma_min, original.spec.sigma_max
    exploding = ContinuousSchedule.ve(low * 0.99, high * 1.01)
    model = as_prediction(original, second, exploding, time="t")
    again = PredictionDenoiser(model, second, exploding, SHAPE, time="t")
    sigma = schedule.level(own_times(schedule, ROWS)) / ((span[1] - span[0]) / 2)
    x = 0.5 * some("x0") + column(sigma) * some("eps")
    expected = original(x, sigma)
    scale = float(expected.abs().max().clamp(min=1))
    assert_close(again(x, sigma) / scale, expected / scale)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_another_prediction_is_another_denoiser(prediction):
    """So that the round trips above could fail."""
    schedule = ContinuousSchedule.flow()
    model = as_prediction(DENOISER, prediction, schedule, time="t")
    sigma = torch.tensor([0.7], dtype=torch.float64)
    x = some("x0")
    for other in PREDICTIONS:
        taken = PredictionDenoiser(model, other, schedule, SHAPE, time="t")
        same = torch.allclose(taken(x, sigma), DENOISER(x, sigma), atol=0.01)
        assert same == (other == prediction)
