"""Whatever is given wrong ends in one line that says what is allowed."""

import math

import pytest
import torch
from torch import nn

from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError
from denoscope.parametrisations import (
    ContinuousSchedule,
    DiscreteSchedule,
    PredictionDenoiser,
    as_prediction,
    from_blind,
    from_denoised,
    from_epsilon,
    from_flow,
)

SHAPE = (1, 2, 2)
TABLE = DiscreteSchedule.linear(10)
FLOW = ContinuousSchedule.flow()
SHRINK = FunctionDenoiser(lambda x, sigma: x / (1 + sigma**2), Spec("shrink", SHAPE))
X = torch.zeros(2, *SHAPE)


def model(x, t):
    return x


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def answering(answer):
    return lambda: from_epsilon(lambda x, t: answer(x), FLOW, SHAPE, time="t")(X, torch.ones(1))


class WithSample:
    sample = X


WRONG = {
    # schedules
    "give both as (T,)": lambda: DiscreteSchedule(tensor(1, 0.5), tensor(0.1)),
    "one value a time": lambda: DiscreteSchedule(tensor(), tensor()),
    "alphas must be finite": lambda: DiscreteSchedule(tensor(-0.1, 0.5), tensor(1, 1)),
    "its sigmas finite and positive": lambda: DiscreteSchedule(tensor(1, 0.5), tensor(0, 1)),
    "0 or more": lambda: DiscreteSchedule(tensor(math.nan, 0.5), tensor(1, 1)),
    "pure noise alone": lambda: DiscreteSchedule(tensor(0, 0), tensor(1, 2)),
    "order the table": lambda: DiscreteSchedule(tensor(1, 0.5, 0.7), tensor(1, 1, 1)),
    "each level once": lambda: DiscreteSchedule(tensor(1, 1), tensor(1, 1)),
    "each in (0, 1]": lambda: DiscreteSchedule.of_betas(tensor(0.1, 1.2)),
    "give (T,), each": lambda: DiscreteSchedule.of_betas(torch.tensor(0.1)),
    "values in [0, 1)": lambda: DiscreteSchedule.of_alphas_cumprod(tensor(1.0, 0.5)),
    "of 0 steps": lambda: DiscreteSchedule.linear(0),
    "values in (0, 1]": lambda: DiscreteSchedule.scaled_linear(10, -0.1, 0.2),
    "zero terminal SNR is defined": lambda: DiscreteSchedule(
        tensor(1, 1), tensor(1, 2)
    ).with_zero_terminal_snr(),
    "two times or more": lambda: DiscreteSchedule.linear(1).with_zero_terminal_snr(),
    "t_min < t_max, both finite": lambda: ContinuousSchedule(torch.cos, torch.sin, 1, 1),
    "alpha is not positive and finite at t = 1.57": lambda: ContinuousSchedule(
        torch.cos, torch.sin, 0.1, 1.6
    ),
    "sigma is not positive and finite at t = 0": lambda: ContinuousSchedule(
        torch.cos, torch.sin, 0, 1
    ),
    "each level has one time": lambda: ContinuousSchedule(
        torch.ones_like, lambda t: 1.1 + t.sin(), 0, 6
    ),
    "time_of is not the inverse": lambda: ContinuousSchedule(
        torch.cos, torch.sin, 0.1, 1.5, time_of=torch.tan
    ),
    "0 < beta_min <= beta_max": lambda: ContinuousSchedule.vp(2, 1),
    "0 < sigma_min < sigma_max": lambda: ContinuousSchedule.ve(0, 80),
    "shift > 0": lambda: ContinuousSchedule.flow(0),
    "0 < t_min < t_max < 1": lambda: ContinuousSchedule.flow(t_max=1),
    # settings of a model
    "give a callable": lambda: from_epsilon(3, FLOW, SHAPE, time="t"),
    "call model.eval() first": lambda: from_epsilon(nn.Identity(), FLOW, SHAPE, time="t"),
    "give a denoscope.DiscreteSchedule": lambda: from_epsilon(model, 1000, SHAPE, time="t"),
    "is no convention": lambda: from_epsilon(model, FLOW, SHAPE, time="step"),
    "needs a DiscreteSchedule": lambda: from_epsilon(model, FLOW, SHAPE, time="index"),
    "needs a ContinuousSchedule": lambda: from_epsilon(model, TABLE, SHAPE, time="t"),
    "three positive integers": lambda: from_epsilon(model, FLOW, (8, 8), time="t"),
    "shape=(1, 0, 8)": lambda: from_epsilon(model, FLOW, (1, 0, 8), time="t"),
    "low < high": lambda: from_epsilon(model, FLOW, SHAPE, time="t", data_range=(1, 0)),
    "data_range (nan, 1)": lambda: from_epsilon(
        model, FLOW, SHAPE, time="t", data_range=(math.nan, 1)
    ),
    'give "eps - x0"': lambda: from_flow(model, FLOW, SHAPE, time="t", velocity="v"),
    "give one of epsilon, velocity": lambda: PredictionDenoiser(
        model, "noise", FLOW, SHAPE, time="t"
    ),
    "or levels": lambda: from_denoised(model, SHAPE),
    "give sigma_min and sigma_max": lambda: from_denoised(model, SHAPE, sigma_min=0.1),
    "levels given": lambda: from_denoised(
        model, SHAPE, sigma_min=0.1, sigma_max=1, levels=tensor(1)
    ),
    "the range it was trained for": lambda: from_blind(model, SHAPE, sigma_min=2, sigma_max=1),
    # the other direction
    "is not a denoiser": lambda: as_prediction(model, "x0", FLOW, time="t"),
    "cannot be read backwards": lambda: as_prediction(SHRINK, "x0", FLOW, time=lambda t: 1000 * t),
    "t has shape (3,)": lambda: as_prediction(SHRINK, "x0", FLOW, time="t")(X, tensor(1, 1, 1)),
    "none of this schedule: it has every level": lambda: as_prediction(
        SHRINK, "x0", FLOW, time="t"
    )(X, 1.0),
    # answers of a model
    "model(x, t).sample": answering(lambda x: WithSample()),
    "model(x, t)[0]": answering(lambda x: (x,)),
    "model(x, t)[:, :1]": answering(lambda x: torch.cat([x, x], dim=1)),
    "answers x's shape": answering(lambda x: x[:, :, 1:]),
    "make it elementwise": lambda: from_epsilon(model, FLOW, SHAPE, time=lambda t: t.mean())(
        X, torch.ones(1)
    ),
}


@pytest.mark.parametrize("said", WRONG)
def test_one_line_says_what_to_do(said):
    with pytest.raises(InputError) as caught:
        WRONG[said]()
    line = str(caught.value)
    assert said in line
    assert "\n" not in line
