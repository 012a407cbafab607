"""Synthetic sets whose denoiser and score are known exactly at every sigma.

A mixture of low-rank Gaussians, x0 ~ sum_k pi_k N(mu_k, Sigma_k), Sigma_k = U_k diag(lam_k) U_k^T,
seen through x = x0 + sigma eps, has the posterior mean

    D(x; sigma) = sum_k w_k(x) [mu_k + U_k diag(lam_k / (lam_k + sigma^2)) U_k^T (x - mu_k)],
    w_k(x) = pi_k N(x; mu_k, Sigma_k + sigma^2 I) / sum_j pi_j N(x; mu_j, Sigma_j + sigma^2 I)

and the score (D - x) / sigma^2. Each term is the Gaussian denoiser of Li et al. 2024, eq. 6.
"""

import math

import torch
from torch import Tensor

from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError
from denoscope.images.pictures import Pictures
from denoscope.noise import noise

__all__ = ["GaussianPictures", "MixturePictures"]

TINY_SIGMA = 1e-8  # stands for the limit sigma -> 0 in float64


class MixturePictures:
    """A mixture of K low-rank Gaussians over pictures of shape (C, H, W).

    means: (K, C, H, W). factors: (K, r, C, H, W), r <= C H W, x0 = mu_k + sum_j z_j factors[k, j]
    with z ~ N(0, I_r), so Sigma_k = F_k^T F_k. weights: (K,), positive, scaled to sum 1; even where
    None. All is kept in float64. Raises InputError where shapes or values do not fit.
    """

    def __init__(self, means: Tensor, factors: Tensor, weights: Tensor | None = None) -> None:
        weights = torch.ones(len(means)) if weights is None else weights
        if means.ndim != 4 or factors.ndim != 5 or weights.ndim != 1:
            raise InputError("give means (K, C, H, W), factors (K, r, C, H, W) and weights (K,)")
        if (
            factors.shape[0] != len(means)
            or factors.shape[2:] != means.shape[1:]
            or len(weights) != len(means)
        ):
            raise InputError(
                f"means {tuple(means.shape)}, factors {tuple(factors.shape)} and weights "
                f"{tuple(weights.shape)} do not fit; give K of each, factors (K, r, C, H, W)"
            )
        if not bool(((weights > 0) & weights.isfinite()).all()) or not bool(
            means.isfinite().all() & factors.isfinite().all()
        ):
            raise InputError("a mixture needs positive weights, finite means and finite factors")
        self.shape: tuple[int, int, int] = (means.shape[1], means.shape[2], means.shape[3])
        self.weights = weights.double() / weights.double().sum()
        self.means = means.double().flatten(1)
        flat = factors.double().flatten(2)  # (K, r, d)
        if flat.shape[1] > flat.shape[2]:
            raise InputError(
                f"rank {flat.shape[1]} in {flat.shape[2]} pixels; give at most as many"
            )
        _, singular, directions = torch.linalg.svd(flat, full_matrices=False)
        self.variances = singular.square()  # lam: (K, r)
        self.directions = directions  # U^T: (K, r, d)

    @classmethod
    def random(
        cls, shape: tuple[int, int, int], *, components: int, rank: int, seed: int = 0
    ) -> "MixturePictures":
        """Drawn by seed: means of deviation 0.5, each component of pixel deviation 0.2 or so."""
        draws = noise(range(components * (rank + 1)), shape, seed=seed, stream="mixture").double()
        draws = draws.reshape(components, rank + 1, *shape)
        return cls(0.5 * draws[:, 0], 0.2 / math.sqrt(rank) * draws[:, 1:])

    @property
    def mean(self) -> Tensor:
        """Exact mean of the whole mixture, float64 (C, H, W)."""
        return (self.weights @ self.means).reshape(self.shape)

    @property
    def covariance(self) -> Tensor:
        """Exact covariance of the whole mixture, float64 (d, d), d = C H W."""
        roots = self.directions * (self.weights[:, None] * self.variances).sqrt()[..., None]
        apart = (self.means - self.mean.flatten()) * self.weights.sqrt()[:, None]
        spread = torch.cat([roots.flatten(0, 1), apart])
        return spread.T @ spread

    def sample(self, n: int, seed: int = 0) -> Pictures:
        """n draws as Pictures of float32 latents, scale 1; draw i depends on (seed, i) alone."""
        rank = self.variances.shape[1]
        draws = noise(range(n), (rank + 1,), seed=seed, stream="synthetic").double()
        uniform = torch.special.ndtr(draws[:, 0])
        edges = self.weights.cumsum(0)[:-1]
        component = torch.searchsorted(edges, uniform)
        coordinates = draws[:, 1:] * self.variances.sqrt()[component]
        x = self.means[component] + torch.einsum(
            "nr,nrd->nd", coordinates, self.directions[component]
        )
        return Pictures.from_latents(x.float().reshape(n, *self.shape), source=f"synthetic-{seed}")

    def denoiser(self) -> FunctionDenoiser:
        """The exact posterior mean D(x; sigma) for every sigma in [0, inf], computed in float64."""

        def posterior_mean(x: Tensor, sigma: Tensor) -> Tensor:
            variance = _variance(sigma)
            logits, coordinates = self._components(x, variance)
            shrink = self.variances.to(x.device) / (
                self.variances.to(x.device) + variance[..., None]
            )
            w = torch.softmax(logits, dim=1)
            out = w @ self.means.to(x.device)
            out = out + torch.einsum(
                "bk,bkr,krd->bd", w, shrink * coordinates, self.directions.to(x.device)
            )
            return out.reshape(x.shape).to(x.dtype)

        return FunctionDenoiser(posterior_mean, Spec("exact", self.shape))

    def log_density(self, x: Tensor, sigma: Tensor) -> Tensor:
        """log p(x; sigma) of x = x0 + sigma eps, float64 (B,), sigma > 0; its gradient the score.

        x: (B, C, H, W). sigma: (B,) or (1,).
        """
        variance = _variance(sigma)
        logits, _ = self._components(x, variance)
        d = self.means.shape[1]
        return torch.logsumexp(logits, dim=1) - d / 2 * torch.log(2 * math.pi * variance[:, 0])

    def _components(self, x: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """log pi_k N(x; mu_k, Sigma_k + s^2 I) + d/2 log(2 pi s^2): (B, K); U^T (x - mu): (B, K, r)."""
        lam, directions = self.variances.to(x.device), self.directions.to(x.device)
        offset = x.double().flatten(1)[:, None, :] - self.means.to(x.device)  # (B, K, d)
        coordinates = torch.einsum("bkd,krd->bkr", offset, directions)
        # The part outside U_k is formed before it is squared: |y|^2 - |U^T y|^2 would cancel.
        outside = offset - torch.einsum("bkr,krd->bkd", coordinates, directions)
        square = outside.square().sum(2) / variance
        square = square + (coordinates.square() / (lam + variance[..., None])).sum(2)
        volume = torch.log1p(lam / variance[..., None]).sum(2)
        logits = self.weights.to(x.device).log() - (square + volume) / 2
        return logits, coordinates


class GaussianPictures(MixturePictures):
    """One Gaussian, N(mean, covariance): mean (C, H, W), covariance (d, d), d = C H W.

    Raises InputError unless covariance is symmetric and positive semidefinite (to 1e-8 of its
    largest eigenvalue).
    """

    def __init__(self, mean: Tensor, covariance: Tensor) -> None:
        d = mean.numel()
        if mean.ndim != 3 or covariance.shape != (d, d):
            raise InputError(
                f"mean {tuple(mean.shape)} and covariance {tuple(covariance.shape)} do not fit; "
                "give (C, H, W) and (C H W, C H W)"
            )
        values, vectors = torch.linalg.eigh(covariance.double())
        slack = 1e-8 * float(values[-1].clamp(min=0))
        if not torch.allclose(covariance, covariance.T) or float(values[0]) < -slack:
            raise InputError("covariance is not symmetric and positive semidefinite; check it")
        factors = vectors.T * values.clamp(min=0).sqrt()[:, None]
        super().__init__(mean[None], factors.reshape(1, d, *mean.shape))


def _variance(sigma: Tensor) -> Tensor:
    """sigma as (B or 1, 1), float64, squared."""
    return sigma.double().reshape(-1, 1).clamp(min=TINY_SIGMA).square()
