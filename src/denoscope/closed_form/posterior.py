"""The posterior over a data set's pictures given a noisy one, gathered chunk by chunk.

With the pictures as prior, x = y_I + sigma eps has the posterior

    P(I = i | x) = w_i = softmax_i( -|x - y_i|^2 / (2 sigma^2) ).

What enters here is the score a_i = x . y_i - |y_i|^2 / 2, which is -|x - y_i|^2 / 2 up to a term
common to all pictures. `Accumulator` keeps a running maximum of a and sums of exp((a_i - max) /
sigma^2), rescaled when the maximum rises, so nothing overflows at any sigma and the result does not
depend on the chunks beyond float64 rounding.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix

__all__ = ["Accumulator", "Posterior", "unnormalized_weights"]

LOWEST = torch.finfo(torch.float64).min
NEGLIGIBLE = 1e-18  # relative to the largest weight: N of them together stay far below 1e-5


@dataclass(frozen=True)
class Posterior:
    """What the data set, as a prior, says of noisy pictures x at noise level sigma.

    x0_hat: the posterior mean, which is the multi-delta denoiser's result; x's shape and dtype.
    nearest: ids of the k nearest pictures, from near to far (ids of `Pictures`, positions for a
        plain tensor). Among pictures at equal distance any may come first.
    distances: |x - y|, Euclidean, picture units, of these.
    weights: posterior probabilities of these.
    effective_number: 1 / sum_i w_i^2 over all N pictures, from 1 (collapsed on one) to N.
    log_density: log p(x; sigma) = log (1/N) sum_i N(x; y_i, sigma^2 I), in nats. -inf at sigma =
        infinity; at sigma = 0 infinity on a picture and -inf elsewhere.
    """

    x0_hat: Float[Tensor, "B C H W"]
    nearest: Int[Tensor, "B k"]
    distances: Float[Tensor, "B k"]
    weights: Float[Tensor, "B k"]
    effective_number: Float[Tensor, " B"]
    log_density: Float[Tensor, " B"]


def unnormalized_weights(gap: Tensor, variance: Tensor, tie: Tensor) -> Tensor:
    """exp(gap / variance) for gap = a - max(a) <= 0, (B, n); where variance is 0 its limit.

    The limit is 1 for the nearest pictures and 0 for others; gaps up to `tie`, the rounding of the
    scores, count as equally near. variance, tie: (B, 1) or (1, 1).
    """
    zero = variance == 0
    if not bool(zero.any()):
        return torch.exp(gap / variance)
    smooth = torch.exp(gap / torch.where(zero, 1.0, variance))
    return torch.where(zero, (gap >= -tie).to(gap.dtype), smooth)


class Accumulator:
    """Sums over the pictures for B noisy pictures, in the stored units of `DataMatrix`.

    z: float64 (B, d). variance: (B, 1) or (1, 1), sigma^2. tie: (B, 1), the rounding of a score.
    k: how many nearest to keep.
    """

    def __init__(self, z: Tensor, variance: Tensor, tie: Tensor, k: int) -> None:
        self.z, self.variance, self.tie, self.k = z, variance, tie, k
        self.top, self.mean = torch.full_like(tie, LOWEST), torch.zeros_like(z)
        self.total, self.squares = torch.zeros_like(tie), torch.zeros_like(tie)
        self.best_score = self.top[:, :0]
        self.best_row = self.best_score.long()

    def add(self, score: Tensor, start: int, values: Tensor) -> None:
        """Take in rows start, start + 1, ... of the data.

        score: float64 (B, n), x . u - |u|^2 / 2. values: (n, d), the rows, in the dtype in which
        the weighted mean is to be formed.
        """
        score_top, best = score.topk(min(self.k, score.shape[1]), dim=1)
        score_top = torch.cat([self.best_score, score_top], dim=1)
        best = torch.cat([self.best_row, best + start], dim=1)
        self.best_score, kept = score_top.topk(min(self.k, score_top.shape[1]), dim=1)
        self.best_row = best.gather(1, kept)

        top = torch.maximum(self.top, self.best_score[:, :1])
        shrink = unnormalized_weights(self.top - top, self.variance, self.tie)
        weights = unnormalized_weights(score - top, self.variance, self.tie)
        self.top = top
        self.total = self.total * shrink + weights.sum(1, keepdim=True)
        self.squares = self.squares * shrink**2 + weights.square().sum(1, keepdim=True)
        # At low noise a handful of pictures carry all the weight: only these are averaged.
        active = (weights.amax(0) > NEGLIGIBLE).nonzero().squeeze(1)
        if 2 * len(active) < len(values):
            weights, values = weights[:, active], values[active]
        self.mean.mul_(shrink).add_(weights.to(values.dtype) @ values)

    def finish(self, data: DataMatrix, like: Tensor) -> Posterior:
        """The posterior given all rows; x0_hat takes the shape and dtype of `like`."""
        n, d = data.rows.shape
        # Distances are formed anew as differences: near a picture the score alone would cancel.
        distances = torch.stack(
            [torch.linalg.vector_norm(self.z - data.rows[row], dim=1) for row in self.best_row.T],
            dim=1,
        )
        weights = unnormalized_weights(self.best_score - self.top, self.variance, self.tie)
        nearest = distances[:, :1]
        log_density = (
            -(nearest**2) / (2 * self.variance)
            + self.total.log()
            - math.log(n)
            - d / 2 * torch.log(2 * math.pi * self.variance * data.scale**2)
        )
        on_picture = torch.where(nearest**2 <= 2 * self.tie, math.inf, -math.inf)
        log_density = torch.where(self.variance == 0, on_picture, log_density)
        mean = self.mean / self.total * data.scale + data.shift
        return Posterior(
            x0_hat=mean.reshape(like.shape).to(like.dtype),
            nearest=data.ids[self.best_row],
            distances=distances * data.scale,
            weights=weights / self.total,
            effective_number=(self.total**2 / self.squares).squeeze(1),
            log_density=log_density.squeeze(1),
        )
