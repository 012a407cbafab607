"""Linearity scores: does the denoiser of a mixture equal the mixture of the denoised?

Two noisy pictures x1, x2 at one sigma are mixed with weights a = alpha, b = sqrt(1 - alpha^2), so
that the noise of the mixture has standard deviation sigma again (Li et al. 2024, section 3.1).

A ceiling below 1: only a homogeneous map scores perfectly, and a denoiser of data with a mean
mu != 0 is affine, for a + b != 1. The Gaussian denoiser D_G = mu + W (x - mu) has

    D_G(a x1 + b x2) - (a D_G(x1) + b D_G(x2)) = (1 - a - b) (I - W) mu,

whose norm ratio goes to |1 - a - b| (0.414 at a^2 = 1/2) as sigma goes to infinity, while the
cosine goes to 1 there but lies below it in between. So read every score against that of the
Gaussian denoiser, not against 1 or 0. Subtracting the mean everywhere (inputs
mu + mix(x1 - mu, x2 - mu, alpha), outputs D - mu) removes the ceiling.
"""

import math
from typing import Literal

from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.per_picture import rows

__all__ = ["linearity_cosine", "linearity_norm_ratio", "mix"]

HALF = math.sqrt(0.5)


def mix(x1: Tensor, x2: Tensor, alpha: float = HALF) -> Tensor:
    """alpha x1 + sqrt(1 - alpha^2) x2, shape and dtype of x1; alpha in [0, 1].

    >>> import torch
    >>> mix(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), alpha=0.6)
    tensor([[0.6000, 0.8000]])
    """
    if x1.shape != x2.shape:
        raise InputError(f"{tuple(x1.shape)} mixed with {tuple(x2.shape)}; give one shape")
    a, b = _weights(alpha)
    return a * x1 + b * x2


def linearity_cosine(d_mix: Tensor, d1: Tensor, d2: Tensor, alpha: float = HALF) -> Tensor:
    """| cos( D(a x1 + b x2), a D(x1) + b D(x2) ) | of each pair, float64 (B,) (eq. 11), in [0, 1].

    d_mix = D(mix(x1, x2, alpha)), d1 = D(x1), d2 = D(x2), each (B, C, H, W) at one sigma. NaN where
    one side is 0. See the module for why an affine denoiser stays below 1.

    >>> import torch
    >>> d1, d2 = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> linearity_cosine(d1, d1, d2, alpha=0.6)
    tensor([0.6000], dtype=torch.float64)
    """
    left, right = _sides(d_mix, d1, d2, alpha)
    # the cosine of unit vectors, which may pass 1 by a rounding
    cosine = (
        left / left.norm(dim=1, keepdim=True) * (right / right.norm(dim=1, keepdim=True))
    ).sum(1)
    return cosine.abs().clamp(max=1.0)


def linearity_norm_ratio(
    d_mix: Tensor,
    d1: Tensor,
    d2: Tensor,
    alpha: float = HALF,
    normalise_by: Literal["left", "right"] = "left",
) -> Tensor:
    """||D(a x1 + b x2) - (a D(x1) + b D(x2))|| / ||D(a x1 + b x2)||, float64 (B,) (eq. 12).

    From 0 up. Arguments as `linearity_cosine`. normalise_by: "left" divides as printed in the
    paper, "right" by ||a D(x1) + b D(x2)|| as the authors' code does. The paper calls it NMSE; the
    norms are not squared.

    >>> import torch
    >>> one = torch.ones(1, 4)
    >>> linearity_norm_ratio(one, one, one)   # a constant denoiser: |1 - sqrt(2)|
    tensor([0.4142], dtype=torch.float64)
    """
    if normalise_by not in ("left", "right"):
        raise InputError(f"normalise_by {normalise_by!r} is unknown; choose left or right")
    left, right = _sides(d_mix, d1, d2, alpha)
    return (left - right).norm(dim=1) / (left if normalise_by == "left" else right).norm(dim=1)


def _sides(d_mix: Tensor, d1: Tensor, d2: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    left, d1, d2 = rows(d_mix, d1, d2)
    a, b = _weights(alpha)
    return left, a * d1 + b * d2


def _weights(alpha: float) -> tuple[float, float]:
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha {alpha:g} given; it lies in [0, 1], and the paper takes sqrt(1/2)")
    return alpha, math.sqrt(1 - alpha * alpha)
