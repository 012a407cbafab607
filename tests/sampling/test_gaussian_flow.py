"""Eq. 7 against a thousand Euler steps, the ODE itself, and the shrinkage of ten."""

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import FunctionDenoiser, as_sigma
from denoscope.errors import InputError
from denoscope.noise import karras_levels, noise
from denoscope.sampling import gaussian_flow, gaussian_transport, trajectory

VARIANCES = torch.tensor([25.0, 1.0, 0.01], dtype=torch.float64)
LEVELS = karras_levels(10)


def diagonal():
    """N(0.2, diag(25, 1, 0.01, 0)): the last direction has no variance."""
    return GaussianDenoiser(torch.full((1, 1, 4), 0.2), VARIANCES, torch.eye(4, 3).double())


def test_amplitudes_known_from_the_paper():
    """Exactly 4.99, 1, 0.1 where ten Euler steps have 3.98, 0.751, 0.0674 (starting at sigma)."""
    gaussian = diagonal()
    unit = torch.ones(1, 1, 1, 4)
    unit = unit + gaussian.mean / 80  # so that the start is mu + 80 along each mode
    *_, exact = gaussian_flow(gaussian, unit, LEVELS)
    *_, euler = trajectory(gaussian, unit, LEVELS)
    amplitude = (exact.x0_hat - gaussian.mean).flatten()
    torch.testing.assert_close(
        amplitude, torch.tensor([4.990, 1.0, 0.1, 0.0]).double(), rtol=1e-3, atol=1e-12
    )
    shrunk = (euler.x0_hat - gaussian.mean).flatten()
    torch.testing.assert_close(
        shrunk, torch.tensor([3.98, 0.751, 0.0674, 0.0]).double(), rtol=2e-3, atol=1e-6
    )


@pytest.mark.parametrize("n", [500, 30])
def test_a_thousand_euler_steps_come_near_at_every_level(digits, n):
    gaussian = GaussianDenoiser.fit(digits.take(range(n)))
    fine = karras_levels(1000)
    eps = noise(range(2), gaussian.spec.shape, seed=0, stream="sample")
    # Euler in float64 all through: the denoiser itself is called in float32 by the sampler
    exact_inside = FunctionDenoiser(
        lambda x, s: gaussian(x.double(), s.reshape(-1)).float(), gaussian.spec
    )
    walked = {step.index: step for step in trajectory(exact_inside, eps, fine)}
    for step in gaussian_flow(gaussian, eps, fine[::111]):
        there = walked[111 * step.index]
        assert step.sigma == there.sigma
        scale = float((there.x - gaussian.mean).norm())
        assert float((step.x - there.x).norm()) < 0.01 * scale
        assert float((step.x0_hat - there.x0_hat).norm()) < 0.01 * scale + 0.05
    # and ten steps do not
    *_, coarse = trajectory(gaussian, eps, LEVELS)
    *_, exact = gaussian_flow(gaussian, eps, LEVELS)
    assert float((coarse.x0_hat - exact.x0_hat).norm()) > 0.5


def test_it_solves_the_ode_and_the_denoised_path_is_its_slope(few_digits):
    """dx/dsigma = (x - D(x; sigma)) / sigma, by central differences in float64."""
    gaussian = GaussianDenoiser.fit(few_digits[0])
    x = 5 * noise(range(2), gaussian.spec.shape, seed=0, stream="sample").double()
    for sigma in (0.05, 1.0, 4.0):
        here = gaussian_transport(gaussian, x, 5.0, sigma)
        step = 1e-4 * sigma
        ahead, behind = (gaussian_transport(gaussian, x, 5.0, sigma + d) for d in (step, -step))
        slope = (here - gaussian(here, as_sigma(sigma, here))) / sigma
        torch.testing.assert_close((ahead - behind) / (2 * step), slope, rtol=1e-5, atol=1e-6)


def test_the_denoised_path_in_closed_form(few_digits):
    gaussian = GaussianDenoiser.fit(few_digits[0])
    eps = noise(range(2), gaussian.spec.shape, seed=0, stream="sample")
    lam, basis = gaussian.eigenvalues, gaussian.eigenvectors
    along = (80.0 * eps.double() - gaussian.mean).flatten(1) @ basis
    for step in gaussian_flow(gaussian, eps, LEVELS):
        gain = lam / ((step.sigma**2 + lam) * (80.0**2 + lam)).sqrt()
        expected = gaussian.mean + ((along * gain) @ basis.T).reshape(step.x.shape)
        torch.testing.assert_close(step.x0_hat, expected, rtol=0, atol=1e-10)


def test_steps_look_like_a_trajectory_s():
    gaussian = diagonal()
    eps = noise(range(3), gaussian.spec.shape, seed=0, stream="sample")
    steps = list(gaussian_flow(gaussian, eps, LEVELS))
    assert [step.index for step in steps] == list(range(10))
    assert [step.sigma for step in steps] == [step.sigma_used for step in steps] == LEVELS.tolist()
    assert {step.x.dtype for step in steps} | {s.x0_hat.dtype for s in steps} == {torch.float64}
    torch.testing.assert_close(steps[0].x, 80 * eps.double(), rtol=0, atol=0)


def test_transport_composes_comes_back_and_reaches_nought():
    gaussian = diagonal()
    x = 3 * noise(range(3), gaussian.spec.shape, seed=0, stream="sample").double()
    once = gaussian_transport(gaussian, x, 3.0, 0.2)
    twice = gaussian_transport(gaussian, gaussian_transport(gaussian, x, 3.0, 1.0), 1.0, 0.2)
    torch.testing.assert_close(once, twice)
    torch.testing.assert_close(gaussian_transport(gaussian, once, 0.2, 3.0), x)
    end = gaussian_transport(gaussian, x, 3.0, 0.0)
    torch.testing.assert_close(end[..., 3], torch.full((3, 1, 1), 0.2).double())
    factors = (VARIANCES / (VARIANCES + 9)).sqrt()
    torch.testing.assert_close(end[..., :3] - 0.2, (x[..., :3] - 0.2) * factors)
    # samples have the data's variances: the flow carries N(mu, Sigma + sigma^2) to N(mu, Sigma)
    drawn = noise(range(4000), gaussian.spec.shape, seed=1, stream="sample").double()
    start = gaussian.mean + drawn * (torch.cat([VARIANCES, torch.zeros(1)]) + 9).sqrt()
    spread = gaussian_transport(gaussian, start, 3.0, 0.0).flatten(1).var(0)[:3]
    torch.testing.assert_close(spread, VARIANCES, rtol=0.1, atol=0)


def test_bad_input():
    gaussian = diagonal()
    x = torch.zeros(1, 1, 1, 4)
    for levels in ((0.0, 1.0), (1.0, -1.0), (float("inf"), 1.0), (1.0, float("nan"))):
        with pytest.raises(InputError, match="give a start above 0"):
            gaussian_transport(gaussian, x, *levels)
    with pytest.raises(InputError, match="give floats of shape"):
        gaussian_flow(gaussian, x[0], LEVELS)
    with pytest.raises(InputError, match="strictly decrease"):
        gaussian_flow(gaussian, x, LEVELS.flip(0))
