"""Trace and asymmetry of a denoiser's Jacobian, estimated from products with random vectors.

With z of independent signs, E z z^T = I, so that

    E z^T J z = tr J,      E ||J z||^2 = ||J||_F^2,      E ||(J - J^T) z||^2 = ||J - J^T||_F^2

(Hutchinson 1990). sigma^2 tr J is the posterior variance of an optimal denoiser: its squared error,
summed over pixels. Where there are as many probes as pixels the unit vectors take the place of
random ones, and the results are exact.
"""

import math

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.jacobian import Jacobian
from denoscope.metrics.statistics import Estimate, Moments, ratio_of_sums
from denoscope.noise import noise

__all__ = ["jacobian_asymmetry", "jacobian_trace"]


def jacobian_trace(jacobian: Jacobian, probes: int = 32, seed: int = 0) -> Estimate:
    """tr J / d, with its standard error over probes; se 0 where it is exact.

    1 where D is the identity; of a Gaussian denoiser mean_k lam_k / (lam_k + sigma^2). Raises
    InputError below 2 probes, RunError as `Jacobian`.

    >>> from denoscope.denoiser import FunctionDenoiser, Spec
    >>> double = FunctionDenoiser(lambda x, sigma: 2 * x, Spec("double", (1, 2, 2)))
    >>> jacobian_trace(Jacobian(double, torch.zeros(1, 2, 2), 1.0))
    Estimate(value=2.0, se=0.0, n=4)
    """
    z, exact = _probes(jacobian.d, probes, seed)
    found = (z * jacobian.times(z)).sum(0)
    if exact:
        return Estimate(float(found.mean()), 0.0, len(found))
    return Moments.of(found / jacobian.d).estimate


def jacobian_asymmetry(jacobian: Jacobian, probes: int = 32, seed: int = 0) -> Estimate:
    """||J - J^T||_F / ||J||_F, with its standard error over probes; se 0 where it is exact.

    0: symmetric, as the Jacobian of every posterior mean is; sqrt(2) for entries without relation;
    2 at most. NaN where J is 0. Raises as `jacobian_trace`.
    """
    z, exact = _probes(jacobian.d, probes, seed)
    forth, back = jacobian.times(z), jacobian.transposed_times(z)
    ratio = ratio_of_sums((forth - back).square().sum(0), forth.square().sum(0))
    root = math.sqrt(ratio.value) if ratio.value >= 0 else math.nan
    if exact or not root:
        return Estimate(root, 0.0, ratio.n)
    return Estimate(root, ratio.se / (2 * root), ratio.n)


def _probes(d: int, probes: int, seed: int) -> tuple[Tensor, bool]:
    """Columns (d, n) to multiply by, and whether they are all unit vectors."""
    if probes < 2:
        raise InputError(f"{probes} probes asked; give 2 or more: their spread is the error")
    if probes >= d:
        return torch.eye(d, dtype=torch.float64), True
    signs = noise(range(probes), (d,), seed=seed, stream="probe").sign()
    return signs.double().T.contiguous(), False
