import math

import torch

from denoscope.noise import noise
from denoscope.training import draw_sigma, edm_loss


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
