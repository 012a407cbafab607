import math

import pytest
import torch

from denoscope.networks import NetworkSettings, VEPreconditioning, VPPreconditioning
from denoscope.noise import noise
from denoscope.training import TrainSettings, draw_levels, draw_sigma, edm_loss, training_loss


def test_loss_equals_the_formula():
    x0 = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    eps = noise(range(5), (1, 4, 4), seed=0, stream="test")
    sigma = torch.tensor([0.002, 0.1, 0.5, 3.0, 80.0])
    got = edm_loss(lambda x, s: 0.3 * x + s.reshape(-1, 1, 1, 1), x0, sigma, eps, sigma_data=0.4)
    for i in range(5):
        s, total = float(sigma[i].double()), 0.0
        for clean, e in zip(x0[i].flatten().tolist(), eps[i].flatten().tolist(), strict=True):
            total += (0.3 * (clean + s * e) + s - clean) ** 2
        expected = (s**2 + 0.4**2) / (s * 0.4) ** 2 * total / 16
        torch.testing.assert_close(float(got[i]), expected, rtol=1e-4, atol=0)


def test_a_network_that_says_nothing_has_loss_one_at_every_level():
    """With F = 0, D = c_skip x: the target has variance 1 where the data has sigma_data^2."""
    n, shape = 64, (1, 16, 16)
    x0 = 0.5 * noise(range(n), shape, seed=0, stream="x0")
    eps = noise(range(n), shape, seed=0, stream="eps")
    for level in (0.01, 0.5, 20.0):
        sigma = torch.full((n,), level)
        loss = edm_loss(lambda x, s: 0.25 / (s**2 + 0.25).reshape(-1, 1, 1, 1) * x, x0, sigma, eps)
        # chi^2 with n * 256 = 16,384 degrees: 5 standard deviations are 0.055
        assert abs(float(loss.mean()) - 1) < 0.055, level


def test_loss_in_half_precision_is_measured_in_single():
    x0 = torch.full((2, 1, 4, 4), 0.3)
    loss = edm_loss(lambda x, s: x.bfloat16(), x0, torch.ones(2), torch.zeros_like(x0))
    assert loss.dtype == torch.float32


def test_levels_are_lognormal():
    n = 4000
    sigma = draw_sigma(n, torch.Generator().manual_seed(3), p_mean=-0.7, p_std=0.9).double()
    z = ((sigma.log() + 0.7) / 0.9).sort().values
    below = torch.special.ndtr(z)
    steps = torch.arange(n, dtype=torch.float64) / n
    distance = torch.maximum((below - steps).abs(), (below - steps - 1 / n).abs()).max()
    assert float(distance) < 1.63 / math.sqrt(n)  # Kolmogorov-Smirnov at 1 %


def test_levels_follow_their_generator():
    one, two = (draw_sigma(9, torch.Generator().manual_seed(s)) for s in (1, 2))
    assert torch.equal(one, draw_sigma(9, torch.Generator().manual_seed(1)))
    assert not torch.equal(one, two)


def of(preconditioning, **given):
    network = NetworkSettings(
        arch="ddpmpp", shape=(1, 4, 4), width=4, preconditioning=preconditioning
    )
    return TrainSettings(network=network, **given)


def law_distance(values, n):
    """Kolmogorov-Smirnov distance of values in [0, 1] from the uniform law, in units of 1 %."""
    z, steps = values.sort().values, torch.arange(n, dtype=torch.float64) / n
    return float(torch.maximum((z - steps).abs(), (z - steps - 1 / n).abs()).max())


def test_vp_draws_times_and_ve_draws_logarithms_uniformly():
    n = 4000
    vp = draw_levels(of("vp"), n, torch.Generator().manual_seed(0)).double()
    assert vp.min() >= 0.99 * VPPreconditioning.sigma_range[0]
    assert vp.max() <= VPPreconditioning.sigma_range[1] * (1 + 1e-6)
    # t from sigma by bisection of sigma(t)^2 = exp(19.9 t^2 / 2 + 0.1 t) - 1
    low, high = torch.zeros_like(vp), torch.ones_like(vp)
    for _ in range(60):
        middle = (low + high) / 2
        below = (19.9 * middle**2 / 2 + 0.1 * middle).expm1() < vp**2
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    assert law_distance((low - 1e-5) / (1 - 1e-5), n) < 1.63 / math.sqrt(n)
    ve = draw_levels(of("ve"), n, torch.Generator().manual_seed(0)).double()
    assert law_distance((ve / 0.02).log() / math.log(5000), n) < 1.63 / math.sqrt(n)


def test_a_dae_draws_its_level_alone():
    levels = draw_levels(of("none", level=4.066), 5, torch.Generator())
    assert levels.tolist() == [torch.tensor(4.066).item()] * 5


def test_edm_draws_as_ever():
    one, two = (torch.Generator().manual_seed(7) for _ in range(2))
    assert torch.equal(draw_levels(of("edm", p_mean=-1.0), 9, one), draw_sigma(9, two, p_mean=-1.0))


def test_the_losses_of_vp_and_ve_are_score_matching():
    """E || sigma s(x) + eps ||^2 with the score s of a denoiser: what the two were trained by.

    Song et al. 2021, eq. 7 with lambda(t) = the noise's variance: || s + eps / sigma ||^2 sigma^2.
    """
    x0 = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    eps = noise(range(4), (1, 4, 4), seed=0, stream="test")
    sigma = torch.tensor([0.02, 0.5, 3.0, 100.0])

    def shrink(x, s):
        return x / (1 + s.reshape(-1, 1, 1, 1) ** 2)

    for kind in ("vp", "ve"):
        got = training_loss(of(kind), shrink, x0, sigma, eps)
        for i in range(4):
            s = sigma[i].double()
            x = x0[i].double() + s * eps[i].double()
            score = (x / (1 + s**2) - x) / s**2
            expected = (s * score + eps[i].double()).square().mean()
            torch.testing.assert_close(got[i].double(), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("kind", [VPPreconditioning, VEPreconditioning])
def test_the_right_noise_has_no_loss_and_no_answer_has_loss_one(kind):
    """Under the preconditioning, F = eps (VP) or -eps (VE) is perfect, whatever the level."""
    n = 64
    x0 = 0.5 * noise(range(n), (1, 16, 16), seed=0, stream="x0")
    eps = noise(range(n), (1, 16, 16), seed=0, stream="eps")
    name = "vp" if kind is VPPreconditioning else "ve"
    sign = 1 if name == "vp" else -1

    class Says(torch.nn.Module):
        def __init__(self, answer):
            super().__init__()
            self.answer = torch.nn.Parameter(answer)

        def forward(self, x, c_noise, class_labels=None, augment_labels=None):
            return self.answer

    for level in (0.02, 1.0, 100.0):
        sigma = torch.full((n,), level)
        right = training_loss(of(name), kind(Says(sign * eps)), x0, sigma, eps)
        assert float(right.detach().max()) < 1e-4 / min(level, 1)
        silent = training_loss(of(name), kind(Says(torch.zeros_like(eps))), x0, sigma, eps)
        assert abs(float(silent.detach().mean()) - 1) < 0.055, level


def test_the_loss_of_a_dae_is_the_squared_error():
    x0 = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    eps = noise(range(3), (1, 4, 4), seed=0, stream="test")
    sigma = torch.full((3,), 2.0)
    loss = training_loss(of("none", level=2.0), lambda x, s: 0.1 * x, x0, sigma, eps)
    expected = (0.1 * (x0 + 2 * eps) - x0).square().flatten(1).mean(1)
    torch.testing.assert_close(loss, expected)
