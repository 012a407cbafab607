"""How far two denoisers are apart on the same inputs."""

from torch import Tensor

from denoscope.metrics.denoising_error import rmse
from denoscope.metrics.per_picture import rows

__all__ = ["score_error", "score_error_norm_ratio"]


def score_error(d1: Tensor, d2: Tensor) -> Tensor:
    """||D_1(x) - D_2(x)||_2 / sqrt(d) of each picture, float64 (B,) (Li et al. 2024, eq. 10).

    d1, d2: (B, C, H, W), both denoisers on the same x at the same sigma. Named an error of the
    score field, it is one of denoisers: not divided by sigma^2. The reported mean is the mean of
    these, not the root of a mean square.

    >>> import torch
    >>> score_error(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5))
    tensor([0.5000], dtype=torch.float64)
    """
    return rmse(d1, d2)


def score_error_norm_ratio(d1: Tensor, d2: Tensor) -> Tensor:
    """||D_1(x) - D_2(x)||_2 / ||D_1(x)||_2 of each picture, float64 (B,) (Li et al. 2024, eq. 53).

    The paper calls it NMSE; the norms are not squared. Infinite (or NaN) where D_1(x) = 0.

    >>> import torch
    >>> score_error_norm_ratio(torch.full((1, 1, 2, 2), 2.0), torch.ones(1, 1, 2, 2))
    tensor([0.5000], dtype=torch.float64)
    """
    d1, d2 = rows(d1, d2)
    return (d1 - d2).norm(dim=1) / d1.norm(dim=1)
