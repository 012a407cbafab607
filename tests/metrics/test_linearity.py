import math

import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.metrics import linearity_cosine, linearity_norm_ratio, mix

ALPHAS = [math.sqrt(a2) for a2 in (0.99, 0.8675, 0.745, 0.6225, 0.5)]


def draws(count, n=8, d=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(n, 1, 3, d // 3, generator=generator, dtype=torch.float64) for _ in range(count)
    ]


def gaussian(sigma, mean_scale=1.0):
    """x -> mu + W (x - mu) of a Gaussian with a random covariance, float64, and mu."""
    generator = torch.Generator().manual_seed(7)
    root = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    mu = mean_scale * torch.randn(12, generator=generator, dtype=torch.float64)
    covariance = root @ root.T / 12
    weight = covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(12).double())

    def denoise(x):
        return (mu + (x.flatten(1) - mu) @ weight.T).reshape(x.shape)

    return denoise, mu.reshape(1, 3, 4), weight


@pytest.mark.parametrize("alpha", ALPHAS)
def test_both_scores_against_numpy(alpha):
    d_mix, d1, d2 = draws(3)
    left, u, v = (t.numpy().reshape(8, -1) for t in (d_mix, d1, d2))
    right = alpha * u + math.sqrt(1 - alpha**2) * v
    norm = lambda t: np.sqrt((t**2).sum(1))  # noqa: E731
    cosine = np.abs((left * right).sum(1)) / norm(left) / norm(right)
    got = linearity_cosine(d_mix, d1, d2, alpha)
    torch.testing.assert_close(got.numpy(), cosine, rtol=1e-12, atol=1e-14)
    for by, side in (("left", left), ("right", right)):
        ratio = norm(left - right) / norm(side)
        got = linearity_norm_ratio(d_mix, d1, d2, alpha, normalise_by=by)
        torch.testing.assert_close(got.numpy(), ratio, rtol=1e-12, atol=0)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_mixing_keeps_the_noise_level(alpha):
    one, two = draws(2, n=2000)
    mixed = mix(one, two, alpha)
    torch.testing.assert_close(mixed.std().item(), 1.0, rtol=0.02, atol=0)
    torch.testing.assert_close(mixed, alpha * one + (1 - alpha**2) ** 0.5 * two)


def test_a_linear_denoiser_scores_perfectly():
    denoise, _, _ = gaussian(0.7, mean_scale=0.0)
    x1, x2 = draws(2)
    triple = denoise(mix(x1, x2)), denoise(x1), denoise(x2)
    torch.testing.assert_close(linearity_cosine(*triple), torch.ones(8).double())
    torch.testing.assert_close(
        linearity_norm_ratio(*triple), torch.zeros(8).double(), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_gaussian_denoiser_has_the_ceiling_of_an_affine_map(alpha):
    """D_G(mix) - mix(D_G) = (1 - a - b)(I - W) mu; the norm ratio tends to |1 - a - b|."""
    a, b = alpha, math.sqrt(1 - alpha**2)
    for sigma in (0.3, 1.0, 3.0):
        denoise, mu, weight = gaussian(sigma)
        x1, x2 = (sigma * x for x in draws(2))
        d_mix = denoise(mix(x1, x2, alpha))
        gap = (1 - a - b) * (mu.flatten() - weight @ mu.flatten())
        expected = gap.norm() / d_mix.flatten(1).norm(dim=1)
        ratio = linearity_norm_ratio(d_mix, denoise(x1), denoise(x2), alpha)
        torch.testing.assert_close(ratio, expected, rtol=1e-9, atol=0)
        assert (linearity_cosine(d_mix, denoise(x1), denoise(x2), alpha) < 1 - 1e-6).any()

    denoise, _, _ = gaussian(1e8)
    x1, x2 = (1e8 * x for x in draws(2))
    triple = denoise(mix(x1, x2, alpha)), denoise(x1), denoise(x2)
    limit = torch.full((8,), abs(1 - a - b)).double()
    torch.testing.assert_close(linearity_norm_ratio(*triple, alpha), limit, rtol=1e-5, atol=0)
    torch.testing.assert_close(linearity_cosine(*triple, alpha), torch.ones(8).double())


def test_the_limit_at_the_default_is_root_two_minus_one():
    constant = torch.ones(1, 1, 2, 2)
    assert math.isclose(linearity_norm_ratio(constant, constant, constant).item(), 2**0.5 - 1)
    right = linearity_norm_ratio(constant, constant, constant, normalise_by="right")
    assert math.isclose(right.item(), 1 - 0.5**0.5)


def test_subtracting_the_mean_everywhere_removes_the_ceiling():
    denoise, mu, _ = gaussian(1.0)
    x1, x2 = draws(2)
    triple = denoise(mu + mix(x1 - mu, x2 - mu)) - mu, denoise(x1) - mu, denoise(x2) - mu
    torch.testing.assert_close(linearity_cosine(*triple), torch.ones(8).double())
    assert linearity_norm_ratio(*triple).max() < 1e-12


def test_collapsing_onto_pictures_lowers_the_score():
    """The multi-delta of two pictures, queried near each, cannot follow the mixture."""
    e = torch.eye(4).double()
    triple = e[[2]], e[[0]], e[[1]]
    assert linearity_cosine(*triple).item() == 0
    assert math.isclose(linearity_norm_ratio(*triple).item(), 2**0.5)


def test_the_cosine_takes_the_absolute_value_and_never_passes_one():
    x1, x2 = draws(2)
    torch.testing.assert_close(
        linearity_cosine(-mix(x1, x2), x1, x2), linearity_cosine(mix(x1, x2), x1, x2)
    )
    assert linearity_cosine(mix(x1, x2), x1, x2).max() <= 1


def test_bad_input():
    x1, x2 = draws(2)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="alpha"):
            mix(x1, x2, alpha)
    with pytest.raises(InputError, match="one shape"):
        linearity_cosine(x1[:2], x1, x2)
    with pytest.raises(InputError, match="one shape"):
        mix(x1[:2], x2)
