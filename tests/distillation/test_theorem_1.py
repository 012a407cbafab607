"""Theorem 1 of Li et al. 2024: the best linear denoiser of any data is the Gaussian denoiser.

Three ways that share no code with it: least squares on rows that carry the noise's exact second
moment, gradient descent on the population loss, and least squares on sampled noise.
"""

import pytest
import torch
from fitting import relative

from denoscope.closed_form import GaussianDenoiser
from denoscope.images import open_images
from denoscope.noise import karras_levels, noise

SETS = {
    "digits": lambda: open_images("digits"),
    "mnist-5k": lambda: open_images("mnist-5k", size=14),
    "40 pictures of mnist-5k": lambda: open_images("mnist-5k", size=14).take(range(40)),
}


@pytest.mark.parametrize("name", SETS)
def test_least_squares_gives_it_at_all_levels(name):
    """sum_i E |W (x_i - mu + sigma eps) - (x_i - mu)|^2 is the squared residue of the stacked rows
    [x_i - mu; sigma sqrt(N) I] W^T against [x_i - mu; 0]."""
    pictures = SETS[name]()
    gaussian = GaussianDenoiser.fit(pictures)
    centred = pictures.floats().double().flatten(1)
    centred = centred - centred.mean(0)
    n, d = centred.shape
    for sigma in karras_levels(10).tolist():
        rows = torch.cat([centred, sigma * n**0.5 * torch.eye(d, dtype=torch.float64)])
        targets = torch.cat([centred, torch.zeros(d, d, dtype=torch.float64)])
        found = torch.linalg.lstsq(rows, targets).solution.T
        assert relative(found, gaussian.matrix(sigma)) < 1e-6, sigma


def descended(pictures, sigma, doublings):
    """[W b] after 2^doublings steps from zero, and the step itself: an affine map, so it can be squared.

    The population loss has gradient 2 ([W b] M - C) with M = [[E x x^T + sigma^2 I, mu], [mu^T, 1]]
    and C = [E x x^T, mu]; it converges for rates below 1 / lambda_max(M).
    """
    x = pictures.floats().double().flatten(1)
    second, mean = x.T @ x / len(x), x.mean(0)
    d = len(mean)
    m = torch.ones(d + 1, d + 1, dtype=torch.float64)
    m[:d, :d] = second + sigma**2 * torch.eye(d)
    m[:d, d] = m[d, :d] = mean
    rate = 0.5 / float(torch.linalg.eigvalsh(m)[-1])
    factor = torch.eye(d + 1, dtype=torch.float64) - 2 * rate * m
    step = 2 * rate * torch.cat([second, mean[:, None]], dim=1)
    one = factor.clone(), step.clone()
    for _ in range(doublings):
        step = step @ factor + step
        factor = factor @ factor
    return step, one


@pytest.mark.parametrize("sigma", [s for s in karras_levels(10).tolist() if s >= 1])
def test_gradient_descent_reaches_it(digits, sigma):
    gaussian = GaussianDenoiser.fit(digits)
    found, _ = descended(digits, sigma, 20)
    assert relative(found[:, :-1], gaussian.matrix(sigma)) < 1e-6
    torch.testing.assert_close(found[:, -1], gaussian.bias(sigma), rtol=0, atol=1e-6)


def test_the_squared_steps_are_the_steps(digits):
    found, (factor, step) = descended(digits, 1.5, 7)
    walked = torch.zeros_like(step)
    for _ in range(2**7):
        walked = walked @ factor + step
    torch.testing.assert_close(walked, found)


def test_sampled_noise_comes_near_at_the_rate_of_the_root(digits):
    sigma, truth = 2.0, GaussianDenoiser.fit(digits).matrix(2.0)
    x0 = digits.floats().double().flatten(1)
    mean = x0.mean(0)
    errors = []
    rows = torch.zeros(0, 64, dtype=torch.float64)
    for draws in (2, 8, 32):
        while len(rows) < draws * len(x0):
            eps = (
                noise(range(len(x0)), digits.shape, seed=len(rows), stream="test")
                .double()
                .flatten(1)
            )
            rows = torch.cat([rows, x0 - mean + sigma * eps])
        found = torch.linalg.lstsq(rows, (x0 - mean).repeat(draws, 1)).solution.T
        errors.append(relative(found, truth))
    for more, fewer in zip(errors[1:], errors, strict=False):
        assert 1.7 < fewer / more < 2.3  # four times the rows
