"""One call for all alphas: against the single scores, and the centred ceiling of affine maps."""

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec, as_sigma
from denoscope.errors import InputError
from denoscope.metrics import (
    ALPHAS,
    linearity_cosine,
    linearity_norm_ratio,
    linearity_sweep,
    mix,
)
from denoscope.noise import noise

SHAPE = (1, 3, 4)


def pairs(n=10, sigma=1.0):
    x = sigma * noise(range(2 * n), SHAPE, seed=0, stream="test").double()
    return x[:n], x[n:]


def affine():
    """x -> W x + w with any W and w, which maps no mean to itself."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    bias = 5 * torch.randn(12, generator=generator, dtype=torch.float64)
    return FunctionDenoiser(
        lambda x, s: (x.flatten(1) @ weight.T + bias).reshape(x.shape), Spec("affine", SHAPE)
    )


def test_the_paper_s_alphas():
    squares = torch.tensor(ALPHAS, dtype=torch.float64).square()
    torch.testing.assert_close(squares, torch.linspace(0.99, 0.5, 5, dtype=torch.float64))


def test_scores_are_the_single_ones_and_no_answer_is_asked_twice(few_digits):
    train, held_out = few_digits
    inner, calls = MultiDeltaDenoiser(train), []
    spy = FunctionDenoiser(lambda x, s: calls.append(len(x)) or inner(x, s.reshape(-1)), inner.spec)
    x = held_out.floats(range(20)) + 0.5 * noise(range(20), inner.spec.shape, seed=0, stream="test")
    x1, x2 = x[:10], x[10:]
    found = linearity_sweep(spy, x1, x2, 0.5, batch=3)
    assert sum(calls) == found.evaluations == 10 * (2 + len(ALPHAS))
    assert max(calls) == 3
    assert found.centred_cosine is found.centred_norm_ratio is None
    level = as_sigma(0.5, x)
    for row, alpha in enumerate(ALPHAS):
        triple = inner(mix(x1, x2, alpha), level), inner(x1, level), inner(x2, level)
        cosine, ratio = linearity_cosine(*triple, alpha), linearity_norm_ratio(*triple, alpha)
        torch.testing.assert_close(found.cosine[row], cosine, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.norm_ratio[row], ratio, rtol=0, atol=1e-5)
    calls.clear()
    assert linearity_sweep(spy, x1, x2, 0.5, centred=True).evaluations == sum(calls) == 10 * 12


@pytest.mark.parametrize("sigma", [0.1, 3.0, 80.0])
def test_every_affine_denoiser_scores_perfectly_when_centred(sigma, few_digits):
    for denoiser in (affine(), GaussianDenoiser.fit(few_digits[0])):
        x = sigma * noise(range(20), denoiser.spec.shape, seed=0, stream="test").double()
        found = linearity_sweep(denoiser, x[:10], x[10:], sigma, centred=True)
        assert found.cosine.shape == found.centred_cosine.shape == (5, 10)
        assert found.centred_norm_ratio.max() < 1e-10
        assert found.centred_cosine.min() > 1 - 1e-12
        assert found.norm_ratio[-1].max() > 1e-3  # the ceiling of eq. 12 that centring removes


def test_a_denoiser_that_is_not_affine_stays_below_one_when_centred(few_digits):
    train, held_out = few_digits
    x = held_out.floats(range(40)).double()
    x = x + 0.4 * noise(range(40), x.shape[1:], seed=0, stream="test")
    found = linearity_sweep(MultiDeltaDenoiser(train), x[:20], x[20:], 0.4, centred=True)
    assert found.centred_norm_ratio.mean(1).min() > 0.1
    assert (found.centred_norm_ratio.mean(1).diff() > 0).all()  # worst at a = b, as in fig. 10


def test_centring_keeps_the_noise_level():
    """a x1 + b x2 + (1 - a - b) c has standard deviation within 1 / (4 B) of sigma."""
    seen = []
    identity = FunctionDenoiser(lambda x, s: seen.append(x) or x, Spec("same", SHAPE))
    x1, x2 = pairs(n=400)
    linearity_sweep(identity, x1, x2, 1.0, alphas=(0.5**0.5,), centred=True, batch=1000)
    assert abs(float(seen[-1].std() / torch.cat([x1, x2]).std()) - 1) < 0.02
    centre = torch.cat([x1, x2]).mean(0)
    torch.testing.assert_close(seen[-1].mean(0), centre + mix(x1 - centre, x2 - centre).mean(0))


def test_bad_input():
    x1, x2 = pairs()
    with pytest.raises(InputError, match="7 pairs to centre; give 8"):
        linearity_sweep(affine(), x1[:7], x2[:7], 1.0, centred=True)
    with pytest.raises(InputError, match="give both as"):
        linearity_sweep(affine(), x1[:7], x2, 1.0)
    with pytest.raises(InputError, match="0 alphas"):
        linearity_sweep(affine(), x1, x2, 1.0, alphas=())
    with pytest.raises(InputError, match="alpha"):
        linearity_sweep(affine(), x1, x2, 1.0, alphas=(1.5,))
