"""Classifier-free guidance as a denoiser (Ho and Salimans 2022)."""

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser

__all__ = ["GuidedDenoiser"]


class GuidedDenoiser:
    """D = D_none + w (D_condition - D_none), of two denoisers of one shape and range.

    Every prediction is affine in x0_hat at a given x_t, so that this is guidance of epsilon, of v and
    of a flow alike. w = 1 is the condition alone, w = 0 none; beyond 1 it is no posterior mean.
    """

    def __init__(self, conditional: Denoiser, unconditional: Denoiser, weight: float) -> None:
        self.conditional, self.unconditional, self.weight = conditional, unconditional, weight
        self.spec = conditional.spec

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        none = self.unconditional(x, sigma)
        return none + self.weight * (self.conditional(x, sigma) - none)

    def to(self, device: torch.device | str) -> "GuidedDenoiser":
        """The same with both on `device`."""
        return GuidedDenoiser(
            self.conditional.to(device),  # pyright: ignore
            self.unconditional.to(device),  # pyright: ignore
            self.weight,
        )
