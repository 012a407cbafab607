"""What every denoiser must pass, whatever it is made of.

`check_conformance(denoiser)` calls it as the rest of the package does and raises AssertionError with
the broken promise. To hold a new denoiser to it, add one line to the list in test_conformance.py.
"""

import contextlib
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, check_denoiser
from denoscope.errors import InputError, SigmaOutOfRange
from denoscope.noise import noise

__all__ = ["check_conformance"]

LEVELS = (0.02, 0.3, 1.5, 20.0)


def check_conformance(
    denoiser: Denoiser,
    double: Denoiser | None = None,
    *,
    tolerance: float = 1e-5,
) -> None:
    """Every promise of the contract, at four levels inside the denoiser's range.

    double: the same denoiser computing in float64, for the derivative, where `denoiser` itself
    computes in one dtype alone (a network). tolerance: absolute, in picture units, between one
    evaluation and the same in another batch: products are summed in another order there.
    """
    check_denoiser(denoiser)
    spec = denoiser.spec
    sigma = _levels(denoiser)
    x = _pictures(denoiser, sigma)

    with _nothing_changes(x, sigma):
        together = denoiser(x, sigma)
    assert together.shape == x.shape, f"shape {together.shape} for x of {x.shape}"
    assert together.dtype == x.dtype, f"dtype {together.dtype} for x of {x.dtype}"
    assert together.device == x.device, f"device {together.device} for x on {x.device}"
    assert bool(together.isfinite().all()), "the result is not finite"
    assert torch.equal(denoiser(x, sigma), together), "two equal calls differ: randomness or state"

    def assert_same(actual: Tensor, expected: Tensor, promise: str) -> None:
        torch.testing.assert_close(
            actual, expected, rtol=0, atol=tolerance, msg=lambda text: f"{promise}: {text}"
        )

    one_by_one = torch.cat([denoiser(x[i : i + 1], sigma[i : i + 1]) for i in range(len(x))])
    assert_same(together, one_by_one, "a batch is not the same as one at a time")
    order = torch.tensor([2, 0, 3, 1])
    assert_same(denoiser(x[order], sigma[order]), together[order], "rows do not follow their order")
    shared = denoiser(x, sigma[1:2])
    assert_same(shared, denoiser(x, sigma[1:2].repeat(4)), "(1,) sigma is not (B,) equal sigmas")
    assert_same(shared[1], together[1], "a row depends on the levels of others")
    assert_same(denoiser(x, sigma.float()), together, "float32 and float64 sigma differ")
    with torch.inference_mode():
        assert_same(denoiser(x, sigma), together, "inference mode changes the result")

    _check_refusals(denoiser, x, sigma)
    _check_derivative(double or denoiser)
    assert denoiser.spec == spec, "a call changed the spec"


def _levels(denoiser: Denoiser) -> Tensor:
    """Four levels inside the range, float64 (4,); the model's own where it has only some."""
    spec = denoiser.spec
    if spec.levels is not None:
        places = torch.linspace(0, len(spec.levels) - 1, 4).round().long()
        return spec.levels.double()[places].flip(0)
    return torch.tensor(LEVELS, dtype=torch.float64).clamp(spec.sigma_min, spec.sigma_max)


def _pictures(denoiser: Denoiser, sigma: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Noisy inputs (B, C, H, W) as a sampler meets them, of deviation sqrt(0.5^2 + sigma^2)."""
    draws = noise(range(len(sigma)), denoiser.spec.shape, seed=0, stream="conformance")
    return (draws * (0.25 + sigma.reshape(-1, 1, 1, 1) ** 2).sqrt()).to(dtype)


@contextlib.contextmanager
def _nothing_changes(x: Tensor, sigma: Tensor) -> Iterator[None]:
    """Inputs, grad mode, default dtype and the global generator are afterwards what they were."""
    x_before, sigma_before = x.clone(), sigma.clone()
    state = torch.get_rng_state()
    modes = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    yield
    assert torch.equal(x, x_before), "the call wrote into x"
    assert torch.equal(sigma, sigma_before), "the call wrote into sigma"
    assert torch.equal(torch.get_rng_state(), state), "the call drew random numbers"
    after = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    assert after == modes, "the call changed grad mode, default dtype or threads"


def _check_refusals(denoiser: Denoiser, x: Tensor, sigma: Tensor) -> None:
    spec = denoiser.spec
    outside = [float("nan"), -1.0]
    if spec.sigma_min > 0:
        outside += [0.0, 0.9 * spec.sigma_min]
    if spec.sigma_max < float("inf"):
        outside += [1.1 * spec.sigma_max, float("inf")]
    for level in outside:
        for levels in (torch.tensor([level]), torch.cat([sigma[:3], sigma.new_tensor([level])])):
            with pytest.raises(SigmaOutOfRange):
                denoiser(x, levels)
    channels, height, width = spec.shape
    for shape in (
        (channels, height, width),
        (4, channels + 1, height, width),
        (4, channels, height, width + 1),
    ):
        with pytest.raises(InputError):
            denoiser(torch.zeros(shape), sigma[:1])
    for levels in (sigma[:2], sigma.reshape(4, 1), sigma[0]):
        with pytest.raises(InputError):
            denoiser(x, levels)


def _check_derivative(denoiser: Denoiser) -> None:
    """jvp in float64 equals central differences; vjp is its transpose; autograd reaches x."""
    sigma = _levels(denoiser)
    x = _pictures(denoiser, sigma, torch.float64)
    along = noise(range(4), denoiser.spec.shape, seed=1, stream="conformance").double()

    def function(at: Tensor) -> Tensor:
        return denoiser(at, sigma)

    with warnings.catch_warnings():
        # The first jvp of a process makes torch load its own deprecated torch.jit.script.
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)
        value, derivative = torch.func.jvp(function, (x,), (along,))
    assert value.dtype == torch.float64, f"{value.dtype} for x in float64"
    step = 1e-5 * sigma.reshape(-1, 1, 1, 1)
    differences = (function(x + step * along) - function(x - step * along)) / (2 * step)
    torch.testing.assert_close(derivative, differences, rtol=1e-5, atol=1e-5)

    _, pull_back = torch.func.vjp(function, x)
    across = noise(range(4), denoiser.spec.shape, seed=2, stream="conformance").double()
    (gradient,) = pull_back(across)
    torch.testing.assert_close(
        (gradient * along).sum(), (across * derivative).sum(), rtol=1e-8, atol=1e-10
    )
    leaf = x.clone().requires_grad_()
    (function(leaf) * across).sum().backward()
    torch.testing.assert_close(leaf.grad, gradient)
