"""Euler and Heun against float64 products worked out mode by mode, and their orders measured."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.noise import karras_levels, noise
from denoscope.sampling import trajectory

VARIANCES = torch.tensor([25.0, 1.0, 0.01], dtype=torch.float64)
SHAPE = (1, 1, 3)


def gaussian(mean: float = 0.0) -> FunctionDenoiser:
    """The exact denoiser of N(mean, diag(VARIANCES))."""

    def denoise(x, sigma):
        shrink = VARIANCES / (VARIANCES + sigma.double().square())
        return (mean + shrink * (x.double() - mean)).to(x.dtype)

    return FunctionDenoiser(denoise, Spec("gaussian", SHAPE))


def product(levels: np.ndarray, variance: float, solver: str) -> float:
    """Amplitude at sigma = 0 of a mode that starts at levels[0], by the solver's own recursion."""
    amplitude = levels[0]
    for here, there in pairwise(levels):
        slope = here / (variance + here**2)
        step = there - here
        if solver == "euler":
            amplitude *= 1 + step * slope
        else:
            slope_there = there / (variance + there**2)
            amplitude *= 1 + step / 2 * (slope + slope_there * (1 + step * slope))
    return amplitude * variance / (variance + levels[-1] ** 2)


def last(denoiser, start, levels, solver):
    *_, step = trajectory(denoiser, start, levels, solver)
    return step


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("n", [1, 2, 10, 40])
def test_equals_the_closed_product_of_each_mode(solver, n):
    levels = karras_levels(n)
    step = last(gaussian(), torch.ones(1, *SHAPE), levels, solver)
    expected = [product(levels.numpy(), float(v), solver) for v in VARIANCES]
    torch.testing.assert_close(step.x0_hat.flatten().tolist(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("n", "amplitudes"), [(10, [3.98, 0.751, 0.0674]), (1000, [4.980, 0.997, 0.0996])]
)
def test_euler_has_the_amplitudes_known_from_the_paper(n, amplitudes):
    step = last(gaussian(), torch.ones(1, *SHAPE), karras_levels(n), "euler")
    torch.testing.assert_close(step.x0_hat.flatten().tolist(), amplitudes, rtol=2e-3, atol=0)


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_a_mean_moves_every_mode_as_the_recursion_says(solver):
    levels, start = karras_levels(10), noise([3], SHAPE, seed=0, stream="sample")
    step = last(gaussian(mean=0.3), start, levels, solver)
    factors = torch.tensor([product(levels.numpy(), float(v), solver) for v in VARIANCES]) / 80
    expected = 0.3 + factors * (levels[0] * start.double().flatten() - 0.3)
    torch.testing.assert_close(step.x0_hat.flatten(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1.0), ("heun", 2.0)])
def test_converges_with_its_order_to_the_exact_flow(solver, order):
    errors = []
    for n in (41, 81, 161):
        levels = karras_levels(n, sigma_min=0.02, sigma_max=20.0)
        step = last(gaussian(), torch.ones(1, *SHAPE), levels, solver)
        exact = levels[0] * ((VARIANCES + levels[-1] ** 2) / (VARIANCES + levels[0] ** 2)).sqrt()
        errors.append(((step.x.flatten() - exact) / exact).norm().item())
    measured = [np.log2(errors[i] / errors[i + 1]) for i in range(2)]
    torch.testing.assert_close(measured, [order, order], atol=0.15, rtol=0)


@pytest.mark.parametrize(("solver", "calls"), [("euler", 10), ("heun", 19)])
def test_evaluations_a_trajectory(solver, calls):
    seen = []
    inner = gaussian()
    counted = FunctionDenoiser(
        lambda x, s: seen.append(float(s)) or inner(x, s.flatten()), inner.spec
    )
    last(counted, torch.ones(1, *SHAPE), karras_levels(10), solver)
    assert len(seen) == calls
