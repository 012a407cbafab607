"""The probability-flow ODE of a Gaussian in closed form: where its trajectories go, exactly.

Under the Gaussian denoiser the ODE is linear. With Sigma = U diag(lam) U^T, from sigma_T to sigma_t,

    x_t = mu + sum_k sqrt( (sigma_t^2 + lam_k) / (sigma_T^2 + lam_k) ) <u_k, x_T - mu> u_k

(Li et al. 2024, eq. 7; Wang & Vastola 2024), where directions without variance (lam = 0) count too:
noise in them shrinks by sigma_t / sigma_T. Derivation: along u_k the ODE is dz/dsigma =
sigma / (sigma^2 + lam_k) z, and sqrt(sigma^2 + lam_k) solves it.

What a solver makes of the same start differs: ten Euler steps leave a mode of variance 0.01 at 0.67
of its amplitude. Compare a network with the Gaussian under one solver, and a solver with this.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import as_sigma
from denoscope.errors import InputError
from denoscope.sampling.trajectory import Step, checked_levels, checked_state

__all__ = ["gaussian_flow", "gaussian_transport"]


@torch.no_grad()
def gaussian_transport(
    gaussian: GaussianDenoiser, x: Tensor, sigma: float, sigma_next: float
) -> Tensor:
    """The state at sigma_next of the exact trajectory through x at sigma; float64 (B, C, H, W).

    sigma above 0; sigma_next from 0 up, above or below sigma: forth and back is the identity (from
    0 no way leads back where there are directions without variance). Raises InputError for states
    of another shape, not finite, or other levels.
    """
    state = checked_state(gaussian, x)
    if not (0 < sigma < float("inf") and 0 <= sigma_next < float("inf")):
        raise InputError(
            f"from sigma {sigma:g} to {sigma_next:g}; give a start above 0 and an end of 0 or more, "
            "both finite"
        )
    centred = (state - gaussian.mean).flatten(1)
    lam, basis = gaussian.eigenvalues, gaussian.eigenvectors
    rest = sigma_next / sigma
    factors = ((sigma_next**2 + lam) / (sigma**2 + lam)).sqrt()
    moved = rest * centred + ((centred @ basis) * (factors - rest)) @ basis.T
    return gaussian.mean + moved.reshape(state.shape)


def gaussian_flow(
    gaussian: GaussianDenoiser, noise: Tensor, levels: Tensor | Sequence[float]
) -> Iterator[Step]:
    """The exact trajectory from pure noise, one Step a level, as `trajectory` gives a solver's.

    noise: standard normal (B, C, H, W); the start is its multiple by the first level. levels:
    strictly decreasing, positive. Each state is computed from the start, so that nothing depends on
    which levels lie between. x0_hat = D_G(x_t; sigma_t) = mu + sum_k lam_k /
    sqrt((sigma_t^2 + lam_k)(sigma_T^2 + lam_k)) <u_k, x_T - mu> u_k, in float64. Raises InputError
    as `trajectory` does.
    """
    asked = checked_levels(levels)
    start = float(asked[0]) * checked_state(gaussian, noise)
    return _walk(gaussian, start, asked.tolist())


def _walk(gaussian: GaussianDenoiser, start: Tensor, levels: list[float]) -> Iterator[Step]:
    for index, sigma in enumerate(levels):
        x = gaussian_transport(gaussian, start, levels[0], sigma) if index else start
        yield Step(index, sigma, sigma, x, gaussian(x, as_sigma(sigma, x)))
