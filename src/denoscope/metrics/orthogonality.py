"""The condition under which the best linear fit to D is the Gaussian denoiser (eq. 51), measured.

With x = x0 + sigma eps, and mu and Sigma the mean and covariance of the law of x0,

    R = E (D(x) - x0)(x - mu)^T = Cov(D(x), x) - Sigma,

and D distils to D_G of mu and Sigma if and only if R = 0 (Li et al. 2024, App. E.2). So it does
where D is D_G, where D is the posterior mean of the law of x0 whatever that law is (the
multi-delta on its own training pictures), and nearly so where sigma is small and D(x) near x. On
inputs from another law than the one D knows, R tells how far they are apart.

A sample of n draws never scores 0. With A_i = (D(x_i) - x0_i)(x_i - mu)^T,

    E || mean_i A_i ||_F^2 = ||R||_F^2 + (E ||A||_F^2 - ||R||_F^2) / n,

of which the second term is all that a perfect denoiser has: the floor. Leaving the pairs i = i out
removes it,

    ||R||_F^2  estimated by  1/(n (n - 1)) sum_{i != j} <A_i, A_j>,   <A_i, A_j> =
        <D(x_i) - x0_i, D(x_j) - x0_j> <x_i - mu, x_j - mu>,

an unbiased estimate, which may come out negative where R is 0. No d x d matrix is formed.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.per_picture import rows
from denoscope.metrics.statistics import Estimate

__all__ = ["Orthogonality", "orthogonality"]

CHUNK = 1024  # draws whose products with all others are held at once


@dataclass(frozen=True)
class Orthogonality:
    """||R||_F against ||Sigma||_F from n draws.

    squared: ||R||_F^2 / ||Sigma||_F^2, unbiased, with its standard error over draws; negative by
        chance where R is 0, and no sign of anything unless it exceeds some two standard errors.
    plain: || mean_i A_i ||_F / ||Sigma||_F, the residual as it is usually computed, too large by
        what `floor` tells.
    floor: what `plain` would be, on average, for a denoiser with R = 0 and errors of this size.
    """

    squared: Estimate
    plain: float
    floor: float

    @property
    def residual(self) -> float:
        """||R||_F / ||Sigma||_F: the root of `squared`, 0 where that is negative."""
        return math.sqrt(max(self.squared.value, 0.0))


def orthogonality(
    x0_hat: Tensor, x0: Tensor, x: Tensor, mean: Tensor, covariance_norm: float
) -> Orthogonality:
    """The residual of eq. 51 from n independent draws, one noise and one picture each.

    x0_hat = D(x; sigma), x0 and x = x0 + sigma eps: (n, C, H, W), n at least 3. mean: (C, H, W),
    mu. covariance_norm: ||Sigma||_F, `gaussian.eigenvalues.norm()`; mu and Sigma are those of the
    law that x0 is drawn from. The standard error is that of the jackknife: somewhat too large
    where R is 0. 1 where D answers mu; sigma^2 sqrt(d) / ||Sigma||_F where D is the identity.

    Raises InputError for unequal shapes, fewer than 3 draws, a covariance_norm not above 0.
    """
    d, clean, noisy = rows(x0_hat, x0, x)
    n = len(d)
    if tuple(mean.shape) != tuple(x.shape[1:]):
        raise InputError(
            f"mean of shape {tuple(mean.shape)} for pictures of {tuple(x.shape[1:])}; give one "
            "picture's shape"
        )
    if n < 3:
        raise InputError(f"{n} draws; give 3 or more, for a matrix of d x d rather thousands")
    if not 0 < covariance_norm < math.inf:
        raise InputError(f"covariance_norm {covariance_norm:g}; give ||Sigma||_F, above 0")
    errors, inputs = d - clean, noisy - mean.detach().to(noisy).reshape(1, -1)
    own = errors.square().sum(1) * inputs.square().sum(1)
    products = torch.cat(
        [
            ((one @ errors.T) * (two @ inputs.T)).sum(1)
            for one, two in zip(errors.split(CHUNK), inputs.split(CHUNK), strict=True)
        ]
    )
    total, scale = float(products.sum()), float(covariance_norm) ** 2
    others = (products - own) / (n - 1)
    spread = float((others - others.mean()).square().sum())
    se = math.sqrt(4 * (n - 1) * spread / n) / (n - 2)
    return Orthogonality(
        squared=Estimate(float(others.mean()) / scale, se / scale, n),
        plain=math.sqrt(max(total, 0.0) / scale) / n,
        floor=math.sqrt(float(own.sum()) / scale) / n,
    )
