"""Spearman's rank correlation: do two measurements move together along a ladder?"""

import math

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.statistics import Values, column

__all__ = ["spearman"]


def spearman(a: Values, b: Values) -> float:
    """Pearson's correlation of the ranks, tied values sharing their mean rank; in [-1, 1].

    NaN where one side is constant. Raises InputError for unequal lengths, below two values, or NaN.

    >>> round(spearman([1, 2, 3, 4], [10, 20, 40, 30]), 6)
    0.8
    """
    a, b = column(a), column(b)
    if len(a) != len(b) or len(a) < 2:
        raise InputError(
            f"{len(a)} and {len(b)} values to correlate; give equally many, at least 2"
        )
    if bool(torch.isnan(a).any() | torch.isnan(b).any()):
        raise InputError("values to rank hold NaN; leave these pairs out")
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))  # exact where both rankings agree
    return max(-1.0, min(1.0, float(x @ y) / scale)) if scale > 0 else math.nan


def _ranks(values: Tensor) -> Tensor:
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).to(torch.float64)
    return (last - (counts - 1) / 2)[inverse]
