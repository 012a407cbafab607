import math

import pytest
import torch
from torch import nn

from denoscope.networks import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NoPreconditioning,
    VEPreconditioning,
    VPPreconditioning,
)


class Answer(nn.Module):
    """A network that notes what it is asked and answers a constant."""

    def __init__(self, answer):
        super().__init__()
        self.answer = nn.Parameter(answer)

    def forward(self, x, c_noise, class_labels=None, augment_labels=None):
        self.asked = x, c_noise, class_labels, augment_labels
        return self.answer.expand_as(x)


@pytest.fixture
def sigma():
    return torch.logspace(-3, 2, 6, dtype=torch.float64)


@pytest.mark.parametrize("sigma_data", [0.5, 0.3])
def test_inputs_and_targets_have_unit_variance(sigma, sigma_data):
    """Karras et al. 2022, appendix B.6: Var(c_in (y + n)) = 1, Var((y - c_skip (y + n)) / c_out) = 1."""
    c = EDMPreconditioning(nn.Linear(1, 1), sigma_data).scalings(sigma)
    one = torch.ones_like(sigma)
    torch.testing.assert_close(c.input**2 * (sigma_data**2 + sigma**2), one)
    target_variance = (1 - c.skip) ** 2 * sigma_data**2 + (c.skip * sigma) ** 2
    torch.testing.assert_close(target_variance / c.out**2, one)


def test_c_skip_is_the_best_without_a_network(sigma):
    """c_skip x is the linear estimate of least error, and c_out its error (appendix B.6)."""
    c = EDMPreconditioning(nn.Linear(1, 1)).scalings(sigma)
    gain = torch.linspace(0, 1, 10_001, dtype=torch.float64)
    error = (1 - gain) ** 2 * 0.25 + (gain * sigma[:, None]) ** 2
    torch.testing.assert_close(gain[error.argmin(1)], c.skip, rtol=0, atol=1e-4)
    torch.testing.assert_close(error.amin(1).sqrt(), c.out, rtol=1e-4, atol=1e-6)


def test_limits():
    c = EDMPreconditioning(nn.Linear(1, 1)).scalings(torch.tensor([1e-6, 1e6], dtype=torch.float64))
    torch.testing.assert_close(c.skip, torch.tensor([1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(
        c.out, torch.tensor([0.0, 0.5], dtype=torch.float64), rtol=0, atol=2e-6
    )
    x = torch.randn(1, 1, 2, 2)
    denoiser = EDMPreconditioning(Answer(torch.tensor(1.0)))
    torch.testing.assert_close(denoiser(x, torch.tensor([1e-7])), x)
    torch.testing.assert_close(denoiser(x, torch.tensor([1e7])), torch.full_like(x, 0.5))


def test_forward_is_equation_7():
    model = Answer(torch.tensor(-0.7, dtype=torch.float64))
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    sigma = torch.tensor([0.1, 2.0], dtype=torch.float64)
    labels, augment = torch.eye(2), torch.randn(2, 9)
    denoised = EDMPreconditioning(model)(x, sigma, labels, augment)
    for i, s in enumerate((0.1, 2.0)):
        total = s**2 + 0.25
        torch.testing.assert_close(denoised[i], 0.25 / total * x[i] + s * 0.5 / total**0.5 * -0.7)
        torch.testing.assert_close(model.asked[0][i], x[i] / total**0.5)
    torch.testing.assert_close(model.asked[1], sigma.log() / 4)
    assert model.asked[2] is labels
    assert model.asked[3] is augment


def test_network_runs_in_its_own_dtype():
    model = Answer(torch.tensor(0.3, dtype=torch.bfloat16))
    x = torch.randn(2, 1, 2, 2, dtype=torch.float64)
    assert EDMPreconditioning(model)(x, torch.tensor([1.0])).dtype == torch.float64
    assert model.asked[0].dtype == torch.bfloat16
    assert model.asked[1].dtype == torch.float64  # the level keeps its precision


def vp_sigma(t):
    """Song et al. 2021, appendix C: x_t = alpha x_0 + s eps, ln alpha = -t^2 b_d / 4 - t b_min / 2."""
    alpha = math.exp(-(t**2) * 19.9 / 4 - t * 0.1 / 2)
    return math.sqrt(1 - alpha**2) / alpha


def test_vp_levels_are_those_of_the_original_diffusion():
    times = [1e-5, 1e-3, 0.03, 0.4, 0.7, 1.0]
    sigma = torch.tensor([vp_sigma(t) for t in times], dtype=torch.float64)
    t = torch.tensor(times, dtype=torch.float64)
    # the oracle loses digits at small t, the formula does not
    torch.testing.assert_close(VPPreconditioning.sigma_of(t), sigma, rtol=1e-9, atol=0)
    torch.testing.assert_close(VPPreconditioning.time_of(VPPreconditioning.sigma_of(t)), t)
    assert VPPreconditioning.sigma_range == pytest.approx((float(sigma[0]), float(sigma[-1])))
    single = VPPreconditioning.time_of(VPPreconditioning.sigma_of(t.float()))
    torch.testing.assert_close(single, t.float(), rtol=2e-6, atol=0)


def test_vp_is_the_original_noise_predictor():
    """x_t = alpha (x_0 + sigma eps), eps_hat = F(x_t; 999 t), x_0 = (x_t - s eps_hat) / alpha."""
    model = Answer(torch.randn(1, 1, 2, 2, dtype=torch.float64))
    x = torch.randn(3, 1, 2, 2, dtype=torch.float64)
    times = [1e-3, 0.3, 0.9]
    sigma = torch.tensor([vp_sigma(t) for t in times], dtype=torch.float64)
    denoised = VPPreconditioning(model)(x, sigma)
    for i, t in enumerate(times):
        alpha = math.exp(-(t**2) * 19.9 / 4 - t * 0.1 / 2)
        torch.testing.assert_close(model.asked[0][i], alpha * x[i])
        eps = model.answer[0].detach()
        expected = (alpha * x[i] - math.sqrt(1 - alpha**2) * eps) / alpha
        torch.testing.assert_close(denoised[i], expected)
    torch.testing.assert_close(model.asked[1], 999 * torch.tensor(times, dtype=torch.float64))


def test_ve_is_the_original_score_network():
    """score = F(x; ln(sigma / 2)) / sigma, D = x + sigma^2 score."""
    model = Answer(torch.randn(1, 1, 2, 2, dtype=torch.float64))
    x = torch.randn(2, 1, 2, 2, dtype=torch.float64)
    sigma = torch.tensor([0.02, 100.0], dtype=torch.float64)
    denoised = VEPreconditioning(model)(x, sigma)
    for i, s in enumerate((0.02, 100.0)):
        torch.testing.assert_close(denoised[i], x[i] + s**2 * (model.answer[0].detach() / s))
    assert torch.equal(model.asked[0], x)
    assert model.asked[1].tolist() == pytest.approx([math.log(0.01), math.log(50)])


def test_iddpm_levels_follow_the_recursion():
    """Karras et al. 2022, table 1, one by one in float64."""
    alpha = [math.sin(math.pi / 2 * j / (1000 * 1.008)) ** 2 for j in range(1001)]
    u = [0.0]
    for j in range(1000, 0, -1):
        u.insert(0, math.sqrt((u[0] ** 2 + 1) / max(alpha[j - 1] / alpha[j], 0.001) - 1))
    expected = torch.tensor(u[:-1], dtype=torch.float64)
    levels = IDDPMPreconditioning.levels_like(expected)
    torch.testing.assert_close(levels, expected, rtol=1e-9, atol=0)
    single = IDDPMPreconditioning.levels_like(torch.zeros(1))
    torch.testing.assert_close(single.double(), expected, rtol=1e-5, atol=0)
    low, high = IDDPMPreconditioning.sigma_range
    assert (low, high) == pytest.approx((u[-2], u[0]), rel=1e-5)
    assert low <= u[-2]
    assert u[0] <= high


def test_iddpm_predicts_noise_at_the_nearest_level():
    answer = torch.randn(1, 4, 2, 2, dtype=torch.float64)

    class Twice(Answer):
        """As many channels again, for variances."""

        def forward(self, x, c_noise, class_labels=None, augment_labels=None):
            self.asked = x, c_noise
            return self.answer

    model = Twice(answer)
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64)
    levels = IDDPMPreconditioning.levels_like(x)
    sigma = torch.stack([levels[0], levels[7] * 1.01, levels[-1]])
    denoised = IDDPMPreconditioning(model)(x, sigma)
    assert model.asked[1].tolist() == [999, 992, 0]
    for i, s in enumerate(sigma.tolist()):
        torch.testing.assert_close(denoised[i], x[i] - s * answer[0, :2])
        torch.testing.assert_close(model.asked[0][i], x[i] / math.sqrt(s**2 + 1))


@pytest.mark.parametrize("kind", [EDMPreconditioning, VPPreconditioning, VEPreconditioning])
def test_nothing_is_removed_where_there_is_no_noise(kind):
    x = torch.randn(1, 1, 2, 2)
    denoiser = kind(Answer(torch.tensor(3.0)))
    torch.testing.assert_close(denoiser(x, torch.tensor([1e-7])), x)
    assert bool(denoiser(x, torch.tensor([denoiser.sigma_range[1]])).isfinite().all())


def test_without_preconditioning_the_network_answers():
    model = Answer(torch.tensor(0.7))
    x = torch.randn(2, 1, 2, 2)
    for level in (1e-7, 1.0, 1e7):
        assert torch.equal(NoPreconditioning(model)(x, torch.tensor([level])), model(x, None))
        NoPreconditioning(model)(x, torch.tensor([level]))
        assert torch.equal(model.asked[0], x)
        assert model.asked[1].tolist() == [0.0]
