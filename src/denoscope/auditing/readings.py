"""How a network's output F becomes D(x; sigma), and back: what a wrapper has to know.

    z = alpha(sigma) x,    D(x; sigma) = x0 from F(z; level) and z

with alpha = 1 / sqrt(1 + sigma^2) in variance preserving diffusion, 1 / (1 + sigma) in a straight
flow, 1 where noise is added and nothing scaled, and x0 from F as `parametrisations.prediction` says.
EDM's preconditioning is D = c_skip x + c_out F(c_in x) with sigma_data = 0.5 (Karras et al. 2022,
table 1). Either way D is affine in F, so that F is known from D.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.parametrisations.prediction import (
    Prediction,
    prediction_from_x0,
    x0_from_prediction,
)

__all__ = ["EDM", "FLOW", "PRESERVING", "STRAIGHT", "Edm", "Factor", "Reading"]

Factor = Callable[[float], float]


@dataclass(frozen=True)
class Reading:
    """An output of one kind, of a network that sees alpha x. alpha: a function of sigma."""

    prediction: Prediction
    alpha: Factor

    def denoised(self, raw: Tensor, x: Tensor, sigma: float) -> Tensor:
        """D from F."""
        alpha = torch.tensor(self.alpha(sigma), dtype=x.dtype)
        return x0_from_prediction(self.prediction, alpha * x, raw, alpha, alpha * sigma)

    def raw(self, denoised: Tensor, x: Tensor, sigma: float) -> Tensor:
        """F from D."""
        alpha = torch.tensor(self.alpha(sigma), dtype=x.dtype)
        return prediction_from_x0(self.prediction, alpha * x, denoised, alpha, alpha * sigma)


@dataclass(frozen=True)
class Edm:
    """EDM's preconditioning in the same form; alpha is c_in."""

    sigma_data: float = 0.5

    def alpha(self, sigma: float) -> float:
        return (sigma**2 + self.sigma_data**2) ** -0.5

    def denoised(self, raw: Tensor, x: Tensor, sigma: float) -> Tensor:
        """D from F."""
        c_in = self.alpha(sigma)
        return (self.sigma_data * c_in) ** 2 * x + self.sigma_data * sigma * c_in * raw

    def raw(self, denoised: Tensor, x: Tensor, sigma: float) -> Tensor:
        """F from D."""
        c_in = self.alpha(sigma)
        return (denoised - (self.sigma_data * c_in) ** 2 * x) / (self.sigma_data * sigma * c_in)


def _preserving(sigma: float) -> float:
    return (1 + sigma * sigma) ** -0.5


def _flow(sigma: float) -> float:
    return 1 / (1 + sigma)


def _straight(sigma: float) -> float:
    return 1.0


_KINDS: tuple[Prediction, ...] = ("epsilon", "velocity", "x0", "score")
PRESERVING = {kind: Reading(kind, _preserving) for kind in _KINDS}
FLOW: dict[Prediction, Reading] = {
    "epsilon": Reading("epsilon", _flow),
    "x0": Reading("x0", _flow),
    "flow": Reading("flow", _flow),
}
STRAIGHT: dict[Prediction, Reading] = {
    "epsilon": Reading("epsilon", _straight),
    "x0": Reading("x0", _straight),
    "score": Reading("score", _straight),
}
EDM = Edm()
