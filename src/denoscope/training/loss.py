"""The losses of diffusion training (Karras et al. 2022, table 1 and eq. 5; Li et al. 2024, eqs. 3, 52).

    E_{x0, sigma, eps}  lambda(sigma) || D(x0 + sigma eps; sigma) - x0 ||^2

The preconditioning decides which levels are drawn and what each weighs, as in the work it is of:

    edm    ln sigma ~ N(p_mean, p_std^2)         lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2
    vp     sigma(t), t ~ U[1e-5, 1]              lambda = 1 / sigma^2
    ve     ln sigma ~ U[ln 0.02, ln 100]         lambda = 1 / sigma^2
    none   sigma = level, always                 lambda = 1

But for the last, lambda c_out^2 = 1: every level asks the network for a target of unit variance, so
the loss is about 1 at the start, whatever sigma.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from denoscope.networks import VEPreconditioning, VPPreconditioning
from denoscope.training.settings import TrainSettings

__all__ = ["draw_levels", "draw_sigma", "edm_loss", "training_loss", "weighted_error"]

Denoise = Callable[[Tensor, Tensor], Tensor]


def draw_levels(settings: TrainSettings, n: int, generator: torch.Generator) -> Tensor:
    """n training levels, float32 (n,), as the settings' preconditioning draws them."""
    match settings.network.preconditioning:
        case "edm":
            return draw_sigma(n, generator, p_mean=settings.p_mean, p_std=settings.p_std)
        case "vp":
            t_min = VPPreconditioning.t_min
            return VPPreconditioning.sigma_of(t_min + (1 - t_min) * _uniform(n, generator))
        case "ve":
            low, high = map(math.log, VEPreconditioning.sigma_range)
            return (low + (high - low) * _uniform(n, generator)).exp()
        case "none":
            assert settings.level is not None  # the settings see to it
            return torch.full((n,), settings.level)
        case "iddpm" | "table":
            raise AssertionError("the settings refuse it")


def training_loss(
    settings: TrainSettings, denoise: Denoise, x0: Tensor, sigma: Tensor, eps: Tensor
) -> Tensor:
    """The loss of each picture, mean over its d values: (B,). Arguments as `weighted_error`'s."""
    match settings.network.preconditioning:
        case "edm":
            return edm_loss(denoise, x0, sigma, eps, sigma_data=settings.network.sigma_data)
        case "vp" | "ve":
            return weighted_error(denoise, x0, sigma, eps, 1 / sigma**2)
        case "none":
            return weighted_error(denoise, x0, sigma, eps, torch.ones_like(sigma))
        case "iddpm" | "table":
            raise AssertionError("the settings refuse it")


def draw_sigma(
    n: int, generator: torch.Generator, *, p_mean: float = -1.2, p_std: float = 1.2
) -> Tensor:
    """n training levels, float32 (n,): ln sigma ~ N(p_mean, p_std^2) (Karras et al. 2022, table 1)."""
    normal = torch.randn(n, generator=generator, device=generator.device)
    return (normal * p_std + p_mean).exp()


def edm_loss(
    denoise: Denoise,
    x0: Tensor,
    sigma: Tensor,
    eps: Tensor,
    *,
    sigma_data: float = 0.5,
) -> Tensor:
    """EDM's weighted denoising error of each picture, mean over its d values: (B,).

    x0: (B, C, H, W) in [-1, 1]; sigma: (B,); eps: standard normal, like x0.
    """
    weight = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    return weighted_error(denoise, x0, sigma, eps, weight)


def weighted_error(
    denoise: Denoise, x0: Tensor, sigma: Tensor, eps: Tensor, weight: Tensor
) -> Tensor:
    """weight || D(x0 + sigma eps; sigma) - x0 ||^2 / d of each picture: (B,).

    x0: (B, C, H, W) in [-1, 1]; sigma, weight: (B,); eps: standard normal, like x0.
    """
    level = sigma.reshape(-1, 1, 1, 1)
    error = denoise(x0 + level * eps, sigma).float() - x0
    return weight * error.square().flatten(1).mean(1)


def _uniform(n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, device=generator.device)
