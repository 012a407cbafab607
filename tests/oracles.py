"""Slow, obvious float64 formulas that the package's own are held against.

Each is the definition written down: explicit differences, dense matrices, loops over pictures.
Pictures here are float64 (N, C, H, W) in [-1, 1]; `picture_values` makes them of bytes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "PosteriorQuantities",
    "gaussian_denoiser",
    "mean_and_covariance",
    "multi_delta_denoiser",
    "multi_delta_jacobian",
    "picture_values",
    "posterior_quantities",
]


def picture_values(pixels: Tensor) -> Tensor:
    """uint8 -> float64 in [-1, 1]; floats are taken as they are."""
    return pixels.double() / 127.5 - 1 if pixels.dtype == torch.uint8 else pixels.double()


@dataclass
class PosteriorQuantities:
    """One noisy picture's posterior over all N: weights and distances (N,), and scalars."""

    mean: Tensor
    weights: Tensor
    distances: Tensor
    effective_number: float
    log_density: float


def posterior_quantities(pictures: Tensor, x: Tensor, sigma: float) -> PosteriorQuantities:
    """Of one x (C, H, W): softmax of -|x - y_i|^2 / (2 sigma^2) from explicit differences."""
    y = picture_values(pictures).flatten(1)
    squared = (y - x.double().flatten()).square().sum(1)
    exponents = -squared / (2 * sigma**2)
    weights = torch.softmax(exponents, 0)
    d = y.shape[1]
    log_density = (
        float(torch.logsumexp(exponents, 0))
        - math.log(len(y))
        - d / 2 * math.log(2 * math.pi * sigma**2)
    )
    return PosteriorQuantities(
        mean=(weights @ y).reshape(x.shape),
        weights=weights,
        distances=squared.sqrt(),
        effective_number=1 / float(weights.square().sum()),
        log_density=log_density,
    )


def multi_delta_denoiser(pictures: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
    """Eq. 5 for x (B, C, H, W) and sigma (B,) or (1,), finite and positive; float64."""
    levels = sigma.double().expand(len(x)).tolist()
    rows = zip(x, levels, strict=True)
    return torch.stack([posterior_quantities(pictures, row, level).mean for row, level in rows])


def multi_delta_jacobian(pictures: Tensor, x: Tensor, sigma: float) -> Tensor:
    """Cov(x0 | x) / sigma^2, (d, d), of one x (C, H, W)."""
    y = picture_values(pictures).flatten(1)
    posterior = posterior_quantities(pictures, x, sigma)
    centred = y - posterior.mean.flatten()
    return (centred.T * posterior.weights) @ centred / sigma**2


def mean_and_covariance(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and 1/N covariance (d, d)."""
    y = picture_values(pictures).flatten(1)
    centred = y - y.mean(0)
    return y.mean(0), centred.T @ centred / len(y)


def gaussian_denoiser(pictures: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
    """Eq. 6 as mu + Sigma (Sigma + sigma^2 I)^-1 (x - mu), sigma finite and positive; float64."""
    mean, covariance = mean_and_covariance(pictures)
    identity = torch.eye(len(mean), dtype=torch.float64)
    out = []
    for row, level in zip(x.double(), sigma.double().expand(len(x)), strict=True):
        noisy = covariance + level**2 * identity
        solved = torch.linalg.solve(noisy, row.flatten() - mean)
        out.append((mean + covariance @ solved).reshape(row.shape))
    return torch.stack(out)
