"""Pushes: their unit, the unpushed trajectory, and what a linear denoiser makes of them exactly."""

from itertools import pairwise

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser
from denoscope.errors import InputError
from denoscope.metrics import Jacobian, jacobian_svd
from denoscope.noise import karras_levels, noise
from denoscope.sampling import perturbation, trajectory

LEVELS = karras_levels(20)


@pytest.fixture(scope="module")
def gaussian(few_digits):
    return GaussianDenoiser.fit(few_digits[0])


def steps_of(denoiser, n=3, solver="euler"):
    eps = noise(range(n), denoiser.spec.shape, seed=0, stream="sample")
    return list(trajectory(denoiser, eps, LEVELS, solver))


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_strength_0_is_the_trajectory_itself(gaussian, solver):
    steps = steps_of(gaussian, solver=solver)
    u = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = perturbation(gaussian, steps[4].x, u, LEVELS, 4, (-1.0, 0.0, 1.0), solver)
    assert found.sigma == steps[4].sigma_used
    assert found.pictures.shape == found.x0_hat.shape == (3, 3, 1, 8, 8)
    assert torch.equal(found.pictures[1], steps[-1].x0_hat)
    assert torch.equal(found.x0_hat[1], steps[4].x0_hat)
    assert not torch.equal(found.pictures[0], found.pictures[2])


@pytest.mark.parametrize("start", [5, 11, 19])
def test_along_an_eigenvector_each_push_is_scaled_as_eq_4_says(gaussian, start):
    """Euler multiplies a mode by 1 + (s' - s)/s * s^2/(s^2 + lam), the last answer by its gain."""
    steps, lam = steps_of(gaussian), float(gaussian.eigenvalues[0])
    u = gaussian.eigenvectors[:, 0].reshape(1, 8, 8)
    strengths = (-2.0, 0.5, 3.0)
    found = perturbation(gaussian, steps[start].x, 7 * u, LEVELS, start, strengths)
    factor = 1.0
    for here, there in pairwise(LEVELS[start:].tolist()):
        factor *= 1 + (there - here) / here * here**2 / (here**2 + lam)
    factor *= lam / (lam + float(LEVELS[-1]) ** 2)
    sigma = float(LEVELS[start])
    for strength, pictures, answer in zip(strengths, found.pictures, found.x0_hat, strict=True):
        moved = pictures - steps[-1].x0_hat
        torch.testing.assert_close(
            moved, (strength * sigma * factor * u).expand_as(moved), rtol=1e-3, atol=2e-5
        )
        first = answer - steps[start].x0_hat
        gain = lam / (lam + sigma**2)
        torch.testing.assert_close(
            first, (strength * sigma * gain * u).expand_as(first), rtol=1e-3, atol=2e-5
        )


def test_the_leading_singular_vector_changes_much_at_high_noise_and_nothing_at_low(gaussian):
    steps = steps_of(gaussian, n=1)
    changes = []
    for start in (5, 11, 19):
        sigma = steps[start].sigma_used
        found = jacobian_svd(Jacobian(gaussian, steps[start].x[0].float(), sigma), 1)
        u = found.u[:, 0].reshape(1, 8, 8)
        after = perturbation(gaussian, steps[start].x, u, LEVELS, start, (-3.0, 3.0))
        changes.append(float((after.pictures[1] - after.pictures[0]).norm()))
    assert changes[0] > 1.5 * changes[1] > 50 * changes[2]


def test_one_direction_for_all_or_one_each(gaussian):
    steps = steps_of(gaussian)
    u = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    each = perturbation(gaussian, steps[6].x, u, LEVELS, 6, (1.0,)).pictures[0]
    for i in range(3):
        alone = perturbation(gaussian, steps[6].x[i : i + 1], u[i], LEVELS, 6, (1.0,)).pictures[0]
        torch.testing.assert_close(each[i : i + 1], alone, rtol=0, atol=1e-5)


def test_bad_input(gaussian):
    x, u = torch.zeros(2, 1, 8, 8), torch.ones(1, 8, 8)
    with pytest.raises(InputError, match="one each"):
        perturbation(gaussian, x, u[0], LEVELS, 3)
    with pytest.raises(InputError, match="length 0"):
        perturbation(gaussian, x, 0 * u, LEVELS, 3)
    with pytest.raises(InputError, match="strengths"):
        perturbation(gaussian, x, u, LEVELS, 3, ())
    with pytest.raises(InputError, match="strengths"):
        perturbation(gaussian, x, u, LEVELS, 3, (float("inf"),))
    with pytest.raises(InputError, match="start 20"):
        perturbation(gaussian, x, u, LEVELS, 20)
