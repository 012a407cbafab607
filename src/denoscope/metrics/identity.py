"""How far a denoiser is from doing nothing (Li et al. 2024, App. D, fig. 15).

As sigma goes to 0 every denoiser becomes the identity; at high noise little of x is left in D(x).
"""

from torch import Tensor

from denoscope.metrics.per_picture import rows

__all__ = ["identity_cosine", "identity_difference"]


def identity_difference(x0_hat: Tensor, x: Tensor) -> Tensor:
    """||D(x) - x||^2 / ||x||^2 of each picture, float64 (B,), from 0 up: squared norms, as a NMSE.

    x0_hat = D(x; sigma), x: (B, C, H, W). 0 for the identity, 1 where D(x) = 0. Infinite (or NaN)
    where x = 0.

    >>> import torch
    >>> identity_difference(torch.ones(1, 4), torch.full((1, 4), 2.0))
    tensor([0.2500], dtype=torch.float64)
    """
    d, x = rows(x0_hat, x)
    return (d - x).square().sum(1) / x.square().sum(1)


def identity_cosine(x0_hat: Tensor, x: Tensor) -> Tensor:
    """<D(x), x> / (||D(x)|| ||x||) of each picture, float64 (B,), in [-1, 1]; NaN where one is 0.

    >>> import torch
    >>> identity_cosine(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.7071], dtype=torch.float64)
    """
    d, x = rows(x0_hat, x)
    unit = d / d.norm(dim=1, keepdim=True) * (x / x.norm(dim=1, keepdim=True))
    return unit.sum(1).clamp(-1.0, 1.0)
