"""Eq. 51's residual against explicit d x d matrices, and what is known of it exactly."""

import importlib

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import as_sigma
from denoscope.errors import InputError
from denoscope.metrics import orthogonality
from denoscope.noise import noise

SHAPE = (1, 3, 4)


def small(n=40):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, *SHAPE, generator=generator, dtype=torch.float64) for _ in range(3)]


def draws(pictures, sigma, n):
    """n pictures drawn with replacement, each with noise of its own: x0, x."""
    index = torch.randint(0, len(pictures), (n,), generator=torch.Generator().manual_seed(1))
    x0 = pictures.floats(index).double()
    return x0, x0 + sigma * noise(range(n), pictures.shape, seed=0, stream="test").double()


@pytest.mark.parametrize("chunk", [7, 1024])
def test_against_the_matrices_themselves(monkeypatch, chunk):
    module = importlib.import_module("denoscope.metrics.orthogonality")
    monkeypatch.setattr(module, "CHUNK", chunk)
    x0_hat, x0, x = small()
    mean = torch.full(SHAPE, 0.3).double()
    e, z = (x0_hat - x0).flatten(1), (x - mean).flatten(1)
    outer = torch.einsum("ni,nj->nij", e, z)
    products = torch.einsum("nij,mij->nm", outer, outer)
    n, norm = len(e), 2.5
    found = orthogonality(x0_hat, x0, x, mean, norm)
    assert found.plain == pytest.approx(float(outer.mean(0).norm()) / norm)
    unbiased = float(products.sum() - products.trace()) / (n * (n - 1)) / norm**2
    assert found.squared.value == pytest.approx(unbiased)
    assert found.floor**2 == pytest.approx(float(products.trace()) / n**2 / norm**2)
    left_out = []
    for i in range(n):  # the jackknife, written down
        rest = [j for j in range(n) if j != i]
        part = products[rest][:, rest]
        left_out.append(float(part.sum() - part.trace()) / ((n - 1) * (n - 2)) / norm**2)
    spread = torch.tensor(left_out).double()
    se = float(((n - 1) / n * (spread - spread.mean()).square().sum()).sqrt())
    assert found.squared.se == pytest.approx(se, rel=1e-6)
    assert found.squared.n == n


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_posterior_means_of_the_inputs_law_score_nothing_beyond_the_floor(few_digits, sigma):
    """Theirs is the law of the inputs, Gaussian or not: the multi-delta's residual is 0 too."""
    train, _ = few_digits
    gaussian = GaussianDenoiser.fit(train)
    norm = float(gaussian.eigenvalues.norm())
    x0, x = draws(train, sigma, 1500)
    for denoiser in (gaussian, MultiDeltaDenoiser(train)):
        found = orthogonality(denoiser(x, as_sigma(sigma, x)), x0, x, gaussian.mean, norm)
        assert abs(found.squared.value) < 4 * found.squared.se
        assert 0.5 * found.floor < found.plain < 2 * found.floor
        assert found.residual < 2 * found.floor


def test_doing_nothing_and_answering_the_mean(few_digits):
    """R = sigma^2 I for the identity, -Sigma for the mean picture."""
    train, _ = few_digits
    gaussian, sigma = GaussianDenoiser.fit(train), 1.0
    norm = float(gaussian.eigenvalues.norm())
    x0, x = draws(train, sigma, 1500)
    same = orthogonality(x, x0, x, gaussian.mean, norm)
    truth = sigma**2 * 8 / norm
    assert abs(same.squared.value - truth**2) < 4 * same.squared.se
    assert same.residual == pytest.approx(truth, rel=0.1)
    assert same.plain > same.residual
    blind = orthogonality(gaussian.mean.expand_as(x), x0, x, gaussian.mean, norm)
    assert abs(blind.squared.value - 1) < 4 * blind.squared.se
    assert blind.residual == pytest.approx(1.0, rel=0.1)


def test_the_error_is_the_spread_over_samples_and_the_estimate_has_no_bias(few_digits):
    train, _ = few_digits
    gaussian, sigma = GaussianDenoiser.fit(train), 2.0
    norm = float(gaussian.eigenvalues.norm())
    x0, x = draws(train, sigma, 4000)
    answers = gaussian(x, as_sigma(0.5 * sigma, x))  # called with the wrong level: R is not 0
    parts = [
        orthogonality(answers[i::40], x0[i::40], x[i::40], gaussian.mean, norm) for i in range(40)
    ]
    values = torch.tensor([part.squared.value for part in parts])
    spread, told = float(values.std()), sum(part.squared.se for part in parts) / 40
    assert 0.7 < told / spread < 1.6
    lam = gaussian.eigenvalues
    wrong = lam / (lam + (0.5 * sigma) ** 2)  # R = (W (Sigma + sigma^2) - Sigma), diagonal in U
    truth = float((wrong * (lam + sigma**2) - lam).square().sum()) / norm**2
    assert abs(float(values.mean()) - truth) < 4 * spread / 40**0.5


def test_bad_input():
    x0_hat, x0, x = small()
    with pytest.raises(InputError, match="2 draws"):
        orthogonality(x0_hat[:2], x0[:2], x[:2], x0[0], 1.0)
    with pytest.raises(InputError, match="one picture's shape"):
        orthogonality(x0_hat, x0, x, x0, 1.0)
    with pytest.raises(InputError, match="covariance_norm"):
        orthogonality(x0_hat, x0, x, x0[0], 0.0)
    with pytest.raises(InputError, match="one shape"):
        orthogonality(x0_hat[:3], x0, x, x0[0], 1.0)
