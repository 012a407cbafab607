import math

import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import GaussianPictures, MixturePictures

SHAPE = (1, 2, 3)


def mixture() -> MixturePictures:
    return MixturePictures(
        *(
            torch.randn(s, generator=torch.Generator().manual_seed(1))
            for s in ((3, *SHAPE), (3, 2, *SHAPE))
        ),
        weights=torch.tensor([1.0, 2.0, 5.0]),
    )


def dense(m: MixturePictures):
    """pi, mu, Sigma as full float64 matrices."""
    covariances = torch.einsum("krd,kr,kre->kde", m.directions, m.variances, m.directions)
    return m.weights, m.means, covariances


def oracle(m: MixturePictures, x: torch.Tensor, sigma: float):
    """Posterior mean and log density with dense inverses, one component a time."""
    y, logs, means = x.double().flatten(1), [], []
    for weight, mean, covariance in zip(*dense(m), strict=True):
        total = covariance + sigma**2 * torch.eye(6, dtype=torch.float64)
        law = torch.distributions.MultivariateNormal(mean, total)
        logs.append(law.log_prob(y) + math.log(weight))
        means.append(mean + (y - mean) @ torch.linalg.inv(total) @ covariance)
    logs = torch.stack(logs)
    w = torch.softmax(logs, 0)
    return (w[..., None] * torch.stack(means)).sum(0).reshape(x.shape), logs.logsumexp(0)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0, 10.0, 80.0])
def test_denoiser_and_density_equal_dense_inverses(sigma):
    m = mixture()
    x = 2 * torch.randn(20, *SHAPE, dtype=torch.float64)
    level = torch.tensor([sigma], dtype=torch.float64)
    want, density = oracle(m, x, sigma)
    torch.testing.assert_close(m.denoiser()(x, level), want, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(m.log_density(x, level), density, rtol=1e-9, atol=1e-9)


def test_denoiser_is_the_score_of_its_density():
    m = mixture()
    x = torch.randn(8, *SHAPE, dtype=torch.float64, requires_grad=True)
    sigma = torch.linspace(0.2, 3, 8, dtype=torch.float64)
    (score,) = torch.autograd.grad(m.log_density(x, sigma).sum(), x)
    got = (m.denoiser()(x, sigma) - x) / sigma.reshape(-1, 1, 1, 1) ** 2
    torch.testing.assert_close(got, score, rtol=1e-9, atol=1e-9)


def test_denoiser_is_the_posterior_mean_of_its_own_draws():
    """E[(x0 - D(x)) g(x)] = 0 for any g, the definition of a conditional mean."""
    m, n = mixture(), 20_000
    x0 = m.sample(n, seed=3).floats()
    x = x0 + 0.7 * torch.randn(x0.shape, generator=torch.Generator().manual_seed(2))
    residual = (x0 - m.denoiser()(x, torch.tensor([0.7]))).flatten(1)
    for g in (torch.ones(n, 1), x.flatten(1), torch.sin(3 * x.flatten(1))):
        product = residual[:, :, None] * g[:, None, :]
        z = product.mean(0) / (product.std(0) / math.sqrt(n))
        assert z.abs().max() < 4.5


def test_draws_have_the_exact_moments_and_depend_on_seed_and_number_alone():
    m = mixture()
    x = m.sample(20_000, seed=0).floats().double().flatten(1)
    error = (x.mean(0) - m.mean.flatten()).abs() / (m.covariance.diagonal() / 20_000).sqrt()
    assert error.max() < 4.5
    torch.testing.assert_close(x.T.cov(correction=0), m.covariance, atol=0.15, rtol=0.05)
    assert torch.equal(m.sample(5, seed=0).floats().double().flatten(1), x[:5])
    assert not torch.equal(m.sample(5, seed=1).floats().double().flatten(1), x[:5])


def test_limits_of_sigma():
    m = mixture()
    x = m.sample(4).floats()
    denoiser = m.denoiser()
    torch.testing.assert_close(denoiser(x, torch.tensor([0.0])), x, atol=1e-5, rtol=0)
    far = denoiser(x, torch.tensor([float("inf")]))
    torch.testing.assert_close(far, m.mean.float().expand_as(x))


def test_gaussian_is_the_linear_denoiser_of_its_covariance():
    root = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean, covariance = torch.randn(SHAPE), root @ root.T
    pictures = GaussianPictures(mean, covariance)
    torch.testing.assert_close(pictures.covariance, covariance)
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    inverse = torch.linalg.inv(covariance + 0.25 * torch.eye(6, dtype=torch.float64))
    y = (x - mean).flatten(1)
    want = mean + (y @ inverse @ covariance).reshape(x.shape)
    torch.testing.assert_close(pictures.denoiser()(x, torch.tensor([0.5])), want)


def test_random_is_by_seed():
    one = MixturePictures.random((1, 4, 4), components=3, rank=2, seed=0)
    same = MixturePictures.random((1, 4, 4), components=3, rank=2, seed=0)
    assert one.sample(3).fingerprint == same.sample(3).fingerprint


def test_what_does_not_fit_is_refused():
    means, factors = torch.zeros(2, *SHAPE), torch.zeros(2, 1, *SHAPE)
    for arguments in (
        (means[0], factors),
        (means, factors[:1]),
        (means, factors, torch.tensor([1.0, 0.0])),
        (means, factors, torch.tensor([1.0, float("inf")])),
        (means / 0, factors),
        (means, torch.zeros(2, 7, *SHAPE)),
    ):
        with pytest.raises(InputError):
            MixturePictures(*arguments)
    for covariance in (-torch.eye(6), torch.ones(6, 6).triu(), torch.eye(5)):
        with pytest.raises(InputError):
            GaussianPictures(torch.zeros(SHAPE), covariance)
