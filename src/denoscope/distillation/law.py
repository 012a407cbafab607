"""The law of the inputs, up to its second moments: what a linear fit sees of them.

Inputs are y = x0 + sigma eps. With x0 of mean m and covariance U diag(lam) U^T, and eps standard
normal and independent of it, the covariance of y is known without drawing any noise:

    Cov(y) = U diag(lam + sigma^2) U^T.

In the coordinates z = diag(lam + sigma^2)^(-1/2) U^T (y - m) inputs are white, Cov(z) = I, so that
a linear map's error in predicting unseen pictures is the sum of squares of its coefficients' errors.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser
from denoscope.images import Pictures

__all__ = ["InputLaw", "likelier_law"]


@dataclass(frozen=True)
class InputLaw:
    """Mean (d,), an orthonormal basis (d, d) and the variances (d,) of clean pictures along it.

    rank: the directions from this place on are those in which the law's pictures do not vary.
    """

    mean: Float[Tensor, " d"]
    basis: Float[Tensor, "d d"]
    variances: Float[Tensor, " d"]
    rank: int

    @classmethod
    def of(cls, gaussian: GaussianDenoiser) -> "InputLaw":
        """The law that a Gaussian denoiser carries; its basis is completed to all d directions."""
        kept = gaussian.eigenvectors
        d, rank = kept.shape
        basis = kept
        if rank < d:
            whole = torch.linalg.qr(kept, mode="complete").Q
            basis = torch.cat([kept, whole[:, rank:]], dim=1)
        variances = torch.cat([gaussian.eigenvalues, kept.new_zeros(d - rank)])
        return cls(gaussian.mean.reshape(-1), basis, variances, rank)

    @property
    def of_noise(self) -> "InputLaw":
        """The law of noise alone, x0 = 0, in the same basis."""
        nothing = torch.zeros_like
        return InputLaw(nothing(self.mean), self.basis, nothing(self.variances), self.rank)

    def to(self, device: torch.device | str) -> "InputLaw":
        """The same law on another device."""
        mean, basis, variances = (
            part.to(device) for part in (self.mean, self.basis, self.variances)
        )
        return InputLaw(mean, basis, variances, self.rank)

    def deviations(self, sigma: float) -> Float[Tensor, " d"]:
        """sqrt(lam + sigma^2): the deviation of noisy inputs along each direction."""
        return (self.variances + sigma**2).sqrt()

    def whiten(self, y: Float[Tensor, "n d"], sigma: float) -> Float[Tensor, "n d"]:
        """z = diag(lam + sigma^2)^(-1/2) U^T (y - m)."""
        return (y - self.mean) @ self.basis / self.deviations(sigma)

    def log_likelihood(self, pictures: Pictures, sigma: float) -> float:
        """Mean over pictures and noise of log N(x0 + sigma eps; m, Cov(y)), in nats.

        The expectation over eps is exact: E z^2 = ((U^T (x0 - m))^2 + sigma^2) / (lam + sigma^2).
        """
        x0 = pictures.floats().flatten(1).to(self.basis)
        variance = self.variances + sigma**2
        squares = (((x0 - self.mean) @ self.basis).square() + sigma**2) / variance
        constant = len(variance) * math.log(2 * math.pi) + float(variance.log().sum())
        return -(float(squares.sum(1).mean()) + constant) / 2


def likelier_law(laws: list[InputLaw], unseen: Pictures, sigma: float) -> InputLaw:
    """The law under which noisy versions of unseen pictures are likeliest.

    A Gaussian of many training pictures describes held-out ones of the same kind better than the
    Gaussian of the few that are at hand to distil on; one of very few, or of other pictures, worse.
    """
    if len(laws) == 1:
        return laws[0]
    return max(laws, key=lambda law: law.log_likelihood(unseen, sigma))
