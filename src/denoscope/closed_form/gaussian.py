"""The Gaussian denoiser: optimal where the data are Gaussian, linear whatever they are.

For pictures y_1 .. y_N in R^d with mean and covariance (1/N, not 1/(N-1))

    mu = (1/N) sum_i y_i,    Sigma = (1/N) sum_i (y_i - mu)(y_i - mu)^T = U diag(lam) U^T,

the minimum-mean-square denoiser of N(mu, Sigma) under x = x0 + sigma eps is

    D_G(x; sigma) = mu + U diag(lam / (lam + sigma^2)) U^T (x - mu)       (Li et al. 2024, eq. 6).

Derivation: x0 and x are jointly Gaussian with Cov(x0, x) = Sigma and Cov(x) = Sigma + sigma^2 I, so
E[x0 | x] = mu + Sigma (Sigma + sigma^2 I)^-1 (x - mu), diagonal in the basis U. It depends on the
data through their first two moments alone, and among all linear denoisers it has the smallest
denoising error on the data.

A direction without variance (lam = 0) is sent to the mean at every sigma > 0, and so in the limits:
at sigma = 0 the denoiser is the projection on mu + span(U), at infinity the mean. Hence only the r
directions with variance are kept, which is exact; N pictures give r <= min(N - 1, d). How they are
found, exactly and in one pass over the data, is told in `principal`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.moments import Moments
from denoscope.closed_form.principal import (
    Principal,
    Truncation,
    leading,
    principal_of_data,
    principal_of_moments,
)
from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError
from denoscope.images import Pictures

__all__ = ["GaussianDenoiser"]


class GaussianDenoiser:
    """D_G(x; sigma) = mu + U diag(lam / (lam + sigma^2)) U^T (x - mu), sigma from 0 to infinity.

    mean: (C, H, W), in picture units. eigenvalues: (r,), variances > 0 from large to small, in
    picture units squared. eigenvectors: (d, r) with d = C*H*W, orthonormal columns. All are kept in
    float64. `fit` makes one from pictures. Source: Li et al. 2024, eq. 6.

    Raises InputError where the three do not fit together or are not finite.
    """

    def __init__(
        self,
        mean: Tensor,
        eigenvalues: Tensor,
        eigenvectors: Tensor,
        name: str = "gaussian",
    ) -> None:
        if mean.ndim != 3 or eigenvectors.shape != (mean.numel(), *eigenvalues.shape):
            raise InputError(
                f"mean {tuple(mean.shape)}, eigenvalues {tuple(eigenvalues.shape)}, eigenvectors "
                f"{tuple(eigenvectors.shape)}; give (C, H, W), (r,) and (C*H*W, r)"
            )
        if not all(bool(part.isfinite().all()) for part in (mean, eigenvalues, eigenvectors)):
            raise InputError("mean, eigenvalues or eigenvectors hold NaN or infinity")
        if bool((eigenvalues <= 0).any()):
            raise InputError(
                f"smallest eigenvalue {float(eigenvalues.min()):g}; "
                "give positive ones, leaving out directions without variance"
            )
        order = eigenvalues.double().argsort(descending=True, stable=True)
        self.mean = mean.double()
        self.eigenvalues = eigenvalues.double()[order]
        self.eigenvectors = eigenvectors.double()[:, order].contiguous()
        channels, height, width = mean.shape
        self.spec = Spec(name, (channels, height, width), citations=("Li et al. 2024",))
        self.truncation: Truncation | None = None
        self._single = (self.mean.reshape(-1).float(), self.eigenvectors.float())

    @classmethod
    def fit(
        cls, pictures: Pictures | Tensor, name: str = "gaussian", *, rank: int | None = None
    ) -> "GaussianDenoiser":
        """The denoiser of the pictures' mean and 1/N covariance.

        pictures: Pictures, a uint8 tensor (N, C, H, W), or float latents (N, C, H, W). Solves the
        smaller of the N x N and the d x d eigenvalue problem, in float64.

        rank: keep that many leading directions only, found without a d x d matrix. `truncation` then
        tells what is left out: those directions are sent to the mean, which on the data costs at
        most truncation.variance * lam_rank / (lam_rank + sigma^2) in squared error a picture.

        Raises InputError where `pictures` is none of these or is not finite, and unless 1 <= rank.
        """
        data = DataMatrix.of(pictures)
        if rank is not None and rank < 1:
            raise InputError(f"{rank} leading directions asked for: give 1 or more")
        found = principal_of_data(data) if rank is None else leading(data, rank)
        return cls._of(found.scaled(data), data.shape, name)

    @classmethod
    def of_moments(cls, moments: Moments, name: str = "gaussian") -> "GaussianDenoiser":
        """The denoiser of uint8 pictures whose moments were counted, perhaps in parts."""
        like = DataMatrix.of(torch.zeros(1, *moments.shape, dtype=torch.uint8))
        found = principal_of_moments(moments, like.origin)
        return cls._of(found.scaled(like), moments.shape, name)

    @classmethod
    def _of(cls, found: Principal, shape: tuple[int, int, int], name: str) -> "GaussianDenoiser":
        made = cls(found.mean.reshape(shape), found.variances, found.axes, name)
        made.truncation = found.truncation
        return made

    @property
    def rank(self) -> int:
        """The number of directions with variance."""
        return self.eigenvalues.shape[0]

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x0_hat, (B, C, H, W): two thin products in the eigenbasis, in x's dtype.

        sigma: (B,) or (1,), from 0 (projection on the data's affine span) to infinity (the mean).
        Raises InputError on a wrong shape, SigmaOutOfRange on a negative or NaN level.
        """
        check_call(self.spec, x, sigma)
        if x.dtype == torch.float64:
            mean, basis = self.mean.reshape(-1), self.eigenvectors
        else:
            mean, basis = self._single
        gain = self._gain(sigma.to(x.device)).to(mean.dtype)
        coordinates = (x.reshape(x.shape[0], -1).to(mean.dtype) - mean) @ basis
        return (mean + (coordinates * gain) @ basis.T).reshape(x.shape).to(x.dtype)

    def _gain(self, sigma: Tensor) -> Tensor:
        """lam / (lam + sigma^2), float64 (B, r) or (1, r)."""
        return self.eigenvalues / (self.eigenvalues + sigma.double().reshape(-1, 1) ** 2)

    def matrix(self, sigma: float) -> Float[Tensor, "d d"]:
        """W = U diag(lam / (lam + sigma^2)) U^T of D_G(x) = W x + b, float64 (eq. 8)."""
        return (self.eigenvectors * self._gain(self._level(sigma))) @ self.eigenvectors.T

    def bias(self, sigma: float) -> Float[Tensor, " d"]:
        """b = mu - W mu of D_G(x) = W x + b, float64 (eq. 8)."""
        mean = self.mean.reshape(-1)
        gain = self._gain(self._level(sigma)).reshape(-1)
        return mean - self.eigenvectors @ (gain * (self.eigenvectors.T @ mean))

    def to(self, device: torch.device | str) -> "GaussianDenoiser":
        """The same denoiser on another device."""
        moved = GaussianDenoiser(
            self.mean.to(device),
            self.eigenvalues.to(device),
            self.eigenvectors.to(device),
            self.spec.name,
        )
        moved.truncation = self.truncation
        return moved

    def _level(self, sigma: float) -> Tensor:
        level = torch.as_tensor(sigma, dtype=torch.float64, device=self.mean.device).reshape(1)
        check_call(self.spec, self.mean[None], level)
        return level
