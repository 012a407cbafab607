"""The loss a diffusion model is trained by (Karras et al. 2022, table 1 and eq. 5; Li et al. 2024, eq. 52).

    E_{x0, sigma, eps}  lambda(sigma) || D(x0 + sigma eps; sigma) - x0 ||^2,
    ln sigma ~ N(p_mean, p_std^2),   lambda(sigma) = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2

With EDM's preconditioning lambda c_out^2 = 1: every level asks the network for a target of unit
variance, so the effective loss is about 1 at the start, whatever sigma.
"""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["draw_sigma", "edm_loss"]


def draw_sigma(
    n: int, generator: torch.Generator, *, p_mean: float = -1.2, p_std: float = 1.2
) -> Tensor:
    """n training levels, float32 (n,): ln sigma ~ N(p_mean, p_std^2) (Karras et al. 2022, table 1)."""
    normal = torch.randn(n, generator=generator, device=generator.device)
    return (normal * p_std + p_mean).exp()


def edm_loss(
    denoise: Callable[[Tensor, Tensor], Tensor],
    x0: Tensor,
    sigma: Tensor,
    eps: Tensor,
    *,
    sigma_data: float = 0.5,
) -> Tensor:
    """The weighted denoising error of each picture, mean over its d values: (B,).

    x0: (B, C, H, W) in [-1, 1]; sigma: (B,); eps: standard normal, like x0.
    """
    level = sigma.reshape(-1, 1, 1, 1)
    weight = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    error = denoise(x0 + level * eps, sigma).float() - x0
    return weight * error.square().flatten(1).mean(1)
