"""The Gaussian denoiser, written as a model of every kind by the formulas of Gaussians alone.

For y0 ~ N(mu, S) and x_t = alpha y0 + sigma eps, everything follows from P = (alpha^2 S + sigma^2)^-1:
E[eps | x_t] = sigma P (x_t - alpha mu), E[y0 | x_t] = mu + alpha S P (x_t - alpha mu), score =
-P (x_t - alpha mu). None of it goes through the code that is tested.
"""

import pytest
import torch
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser
from denoscope.noise import noise
from denoscope.parametrisations import (
    ContinuousSchedule,
    DiscreteSchedule,
    from_blind,
    from_denoised,
    from_epsilon,
    from_flow,
    from_score,
    from_velocity,
    from_x0,
)
from parametrisations.schedules_drawn import DATA_RANGES

SHAPE = (1, 3, 3)
SCHEDULES = {
    "linear": (DiscreteSchedule.linear(60, 1e-3, 0.2), "index"),
    "zero terminal": (DiscreteSchedule.cosine(60).with_zero_terminal_snr(), "index"),
    "vp": (ContinuousSchedule.vp(), "t"),
    "ve": (ContinuousSchedule.ve(), "t"),
    "shifted flow": (ContinuousSchedule.flow(3.0), "t"),
}
OPENED = {
    "epsilon": from_epsilon,
    "velocity": from_velocity,
    "x0": from_x0,
    "score": from_score,
    "flow": from_flow,
    "flow-to-data": lambda *given, **named: from_flow(*given, velocity="x0 - eps", **named),
}


@pytest.fixture(scope="module")
def gaussian(digits):
    return GaussianDenoiser.fit(digits.pixels[:200, :, 2:5, 2:5])


def gaussian_model(gaussian, kind, schedule, span):
    """model(x_t, own time) of one kind, for pictures in `span`, by dense solves."""
    scale, shift = (span[1] - span[0]) / 2, (span[1] + span[0]) / 2
    mean = scale * gaussian.mean.reshape(-1) + shift
    covariance = (gaussian.eigenvectors * gaussian.eigenvalues) @ gaussian.eigenvectors.T * scale**2

    def model(x_t: Tensor, t: Tensor) -> Tensor:
        assert t.shape == (len(x_t),), "every row is told its time"
        rows = []
        for row, a, s in zip(x_t, schedule.alpha(t), schedule.sigma(t), strict=True):
            off = row.reshape(-1) - a * mean
            total = a**2 * covariance + s**2 * torch.eye(len(off), dtype=torch.float64)
            solved = torch.linalg.solve(total, off)
            eps, x0 = s * solved, mean + a * covariance @ solved
            rows.append(
                {
                    "epsilon": eps,
                    "velocity": a * eps - s * x0,
                    "x0": x0,
                    "score": -solved,
                    "flow": eps - x0,
                    "flow-to-data": x0 - eps,
                }[kind]
            )
        return torch.stack(rows).reshape(x_t.shape)

    return model


def inputs(sigma: Tensor) -> Tensor:
    x0, eps = (noise(range(len(sigma)), SHAPE, seed=0, stream=s).double() for s in ("x0", "eps"))
    return 0.5 * x0 + sigma.reshape(-1, 1, 1, 1) * eps


@pytest.mark.parametrize("span", DATA_RANGES)
@pytest.mark.parametrize("kind", OPENED)
@pytest.mark.parametrize("name", SCHEDULES)
def test_it_comes_back(gaussian, name, kind, span):
    schedule, time = SCHEDULES[name]
    model = gaussian_model(gaussian, kind, schedule, span)
    denoiser = OPENED[kind](model, schedule, SHAPE, time=time, data_range=span)
    spec = denoiser.spec
    if spec.levels is None:
        sigma = torch.logspace(-6, 6, 7, base=2.0, dtype=torch.float64)
        sigma = sigma.clamp(spec.sigma_min, spec.sigma_max)
    else:
        sigma = spec.levels[[0, 10, 20, 30, 40, 50, -1]]
    x = inputs(sigma)
    torch.testing.assert_close(denoiser(x, sigma), gaussian(x, sigma), rtol=0, atol=1e-9)
    one = denoiser(x[2:], sigma[3:4])
    torch.testing.assert_close(one, gaussian(x[2:], sigma[3:4]), rtol=0, atol=1e-9)


def test_its_jacobian_is_its_matrix(gaussian):
    schedule, time = SCHEDULES["linear"]
    model = gaussian_model(gaussian, "velocity", schedule, (0.0, 1.0))
    denoiser = from_velocity(model, schedule, SHAPE, time=time, data_range=(0.0, 1.0))
    sigma = denoiser.spec.levels[20:21]
    x = inputs(sigma)
    jacobian = torch.func.jacrev(lambda x: denoiser(x, sigma))(x).reshape(9, 9)
    torch.testing.assert_close(jacobian, gaussian.matrix(float(sigma)), rtol=0, atol=1e-9)
    forward = torch.func.jacfwd(lambda x: denoiser(x, sigma))(x).reshape(9, 9)
    torch.testing.assert_close(forward, jacobian)


@pytest.mark.parametrize("levels", [None, torch.tensor([0.0, 0.1, 0.4, 2.0])])
def test_as_a_model_that_is_told_sigma(gaussian, levels):
    """In [0, 1], half of the range here: levels are halved too."""
    told = []

    def model(y, sigma):
        told.append(sigma)
        return (gaussian(2 * y - 1, 2 * sigma) + 1) / 2

    ends = {"sigma_min": 0.1, "sigma_max": 2.0} if levels is None else {"levels": levels}
    denoiser = from_denoised(model, SHAPE, data_range=(0, 1), **ends)
    assert (denoiser.spec.sigma_min, denoiser.spec.sigma_max) == pytest.approx((0.2, 4.0))
    sigma = torch.tensor([0.2, 0.8, 4.0], dtype=torch.float64)
    x = inputs(sigma)
    if levels is None:
        actual = denoiser(x, sigma)
    else:  # which went through float32
        sigma = denoiser.spec.levels.flip(0)
        actual = denoiser(x, sigma)
    torch.testing.assert_close(actual, gaussian(x, sigma), rtol=0, atol=1e-10)
    torch.testing.assert_close(told[0], sigma / 2)


def test_as_a_blind_model(gaussian):
    one = torch.tensor([0.5], dtype=torch.float64)
    denoiser = from_blind(
        lambda y: (gaussian(2 * y - 1, one) + 1) / 2,
        SHAPE,
        sigma_min=0.2,
        sigma_max=0.3,
        data_range=(0, 1),
    )
    assert (denoiser.spec.sigma_min, denoiser.spec.sigma_max) == (0.4, 0.6)
    x = inputs(one)
    torch.testing.assert_close(denoiser(x, one), gaussian(x, one), rtol=0, atol=1e-12)
    torch.testing.assert_close(denoiser(x, one * 1.1), gaussian(x, one), rtol=0, atol=1e-12)
