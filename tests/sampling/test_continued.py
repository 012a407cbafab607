"""Walking on from a state: the unbroken trajectory bit for bit, and what is refused."""

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser
from denoscope.errors import InputError
from denoscope.noise import karras_levels, noise
from denoscope.sampling import continued, trajectory

LEVELS = karras_levels(10)


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("start", [0, 1, 6, 9])
def test_unchanged_it_is_the_rest_of_the_trajectory_bit_for_bit(few_digits, solver, start):
    denoiser = MultiDeltaDenoiser(few_digits[0])
    eps = noise(range(3), denoiser.spec.shape, seed=0, stream="sample")
    whole = list(trajectory(denoiser, eps, LEVELS, solver))
    rest = list(continued(denoiser, whole[start].x, LEVELS, start, solver))
    assert len(rest) == 10 - start
    for one, two in zip(whole[start:], rest, strict=True):
        assert (one.index, one.sigma, one.sigma_used) == (two.index, two.sigma, two.sigma_used)
        assert torch.equal(one.x, two.x)
        assert torch.equal(one.x0_hat, two.x0_hat)


def test_levels_are_snapped_as_in_the_whole_grid(few_digits):
    inner = GaussianDenoiser.fit(few_digits[0])
    known = torch.tensor([50.0, 10.0, 1.0, 0.1], dtype=torch.float64)
    spec = type(inner.spec)("known", inner.spec.shape, 0.1, 50.0, known)
    denoiser = FunctionDenoiser(lambda x, s: inner(x, s.reshape(-1)), spec)
    eps = noise(range(2), spec.shape, seed=0, stream="sample")
    whole = list(trajectory(denoiser, eps, LEVELS))
    for start in (2, 5):
        rest = list(continued(denoiser, whole[start].x, LEVELS, start))
        assert [step.sigma_used for step in rest] == [s.sigma_used for s in whole[start:]]
        assert torch.equal(rest[-1].x0_hat, whole[-1].x0_hat)


def test_a_noisy_picture_is_denoised_step_by_step(few_digits):
    """From a training picture and little noise the multi-delta comes back to that picture."""
    train, _ = few_digits
    x0 = train.floats(range(5)).double()
    state = x0 + LEVELS[6] * noise(range(5), train.shape, seed=0, stream="test").double()
    *_, last = continued(MultiDeltaDenoiser(train), state, LEVELS, 6)
    torch.testing.assert_close(last.x0_hat, x0, rtol=0, atol=1e-5)


def test_bad_input(few_digits):
    denoiser = GaussianDenoiser.fit(few_digits[0])
    state = torch.zeros(2, 1, 8, 8)
    for start in (-1, 10):
        with pytest.raises(InputError, match="of 10 levels; give 0 to 9"):
            continued(denoiser, state, LEVELS, start)
    with pytest.raises(InputError, match="give floats of shape"):
        continued(denoiser, state[0], LEVELS)
    with pytest.raises(InputError, match="NaN"):
        continued(denoiser, state / 0, LEVELS)
    with pytest.raises(InputError, match="unknown"):
        continued(denoiser, state, LEVELS, solver="dpm")
