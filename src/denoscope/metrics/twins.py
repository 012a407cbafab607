"""Twins: two models trained on disjoint pictures, sampling from the same noise.

Models that learned what their sets share draw one and the same picture x1 ~ x2, and it is not a
training picture; models that memorized draw a picture of their own set each (Kadkhodaie et al.
2024, arXiv 2310.02557; Li et al. 2024, fig. 9). So cos(x1, x2) is read against cos(x, NN(x)), the
cosine with the nearest training picture of the model's own set.

Pictures on a black or white ground have raw cosines near 1 with each other whatever they show.
From the mean of the data (`mean`), only what sets them apart is compared.
"""

from dataclasses import dataclass

from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.per_picture import rows
from denoscope.metrics.statistics import Estimate, Moments, paired_difference

__all__ = ["TwinSimilarity", "twin_similarity"]


@dataclass(frozen=True)
class TwinSimilarity:
    """Cosines of each pair of samples, float64 (B,), in [-1, 1].

    between: cos(x1, x2). to_nearest_1: cos(x1, NN_1(x1)). to_nearest_2: cos(x2, NN_2(x2)).
    """

    between: Tensor
    to_nearest_1: Tensor
    to_nearest_2: Tensor

    @property
    def to_nearest(self) -> Tensor:
        """The mean of both cosines with the nearest training pictures, of each pair."""
        return (self.to_nearest_1 + self.to_nearest_2) / 2

    def similarity(self) -> Estimate:
        """Mean of cos(x1, x2)."""
        return Moments.of(self.between).estimate

    def copying(self) -> Estimate:
        """Mean of the cosines with the nearest training pictures."""
        return Moments.of(self.to_nearest).estimate

    def excess(self) -> Estimate:
        """Mean of cos(x1, x2) less that with the nearest, paired by noise: above 0, the models
        agree with each other more than with their training pictures."""
        return paired_difference(self.between, self.to_nearest)


def twin_similarity(
    x1: Tensor, x2: Tensor, nearest_1: Tensor, nearest_2: Tensor, mean: Tensor | None = None
) -> TwinSimilarity:
    """Cosines between the samples of two models from the same noise, and with their nearest pictures.

    x1, x2: (B, C, H, W), row i of both from one noise. nearest_1, nearest_2: (B, C, H, W), the
    training picture nearest to each, of x1's model and of x2's (`nearest(x1, train_1)`). mean:
    (C, H, W), subtracted from all four; None: raw cosines. NaN where a picture is the mean (or 0).

    >>> import torch
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]])
    >>> found = twin_similarity(a, b, a, a)
    >>> found.between, found.to_nearest
    (tensor([0.6000], dtype=torch.float64), tensor([0.8000], dtype=torch.float64))
    """
    parts = rows(x1, x2, nearest_1, nearest_2)
    if mean is not None:
        if tuple(mean.shape) != tuple(x1.shape[1:]):
            raise InputError(
                f"mean of shape {tuple(mean.shape)} for pictures of {tuple(x1.shape[1:])}; give "
                "one picture's shape"
            )
        parts = tuple(part - mean.detach().to(part).reshape(1, -1) for part in parts)
    one, two, own_1, own_2 = (part / part.norm(dim=1, keepdim=True) for part in parts)
    cosines = ((one * two), (one * own_1), (two * own_2))
    return TwinSimilarity(*(both.sum(1).clamp(-1.0, 1.0) for both in cosines))
