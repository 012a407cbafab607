"""The multi-delta denoiser: the optimum of the training loss, and the picture of memorization.

For pictures y_1 .. y_N it is the posterior mean of x0 given x = x0 + sigma eps when x0 is one of
them,

    D_M(x; sigma) = sum_i w_i y_i,   w_i = softmax_i(-|x - y_i|^2 / (2 sigma^2))

(Li et al. 2024, eq. 5), so it can reproduce nothing but (mixtures of) the pictures. Its derivative
is dD/dx = Cov(x0 | x) / sigma^2 = (sum_i w_i y_i y_i^T - D D^T) / sigma^2, symmetric and positive
semidefinite.

**Accuracy.** At sigma = 0.002 the exponent is 10^8 in magnitude, and two near-duplicates are told
apart by differences of order 1: float32 distances, expanded or not, are not enough. |x - y_i|^2 is
expanded, but in float64, as |x|^2 - 2 a_i with a_i = x . y_i - |y_i|^2 / 2; |x|^2 is common to all
pictures and never enters; uint8 pictures enter as integers with exact norms. Weights are summed in
float64. For float32 x the last product, weights times pictures, is done in float32: its terms are
all of one sign and it needs no more than 1e-5. For float64 x everything is float64.

**Cost.** The data are kept once, as uint8, and pass by in chunks. One pass costs two products of
B N d multiplications; `posterior_at_levels` shares the first among levels, and skips most of the
second at low noise.
"""

import torch
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.posterior import (
    LOWEST,
    Accumulator,
    Posterior,
    unnormalized_weights,
)
from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError
from denoscope.images import Pictures

__all__ = ["MultiDeltaDenoiser"]


class MultiDeltaDenoiser:
    """D_M(x; sigma) = sum_i softmax_i(-|x - y_i|^2 / (2 sigma^2)) y_i, sigma from 0 to infinity.

    pictures: Pictures, a uint8 tensor (N, C, H, W), or float latents (N, C, H, W).
    chunk: rows of data a chunk; the result does not depend on it beyond float64 rounding (float32
        rounding in the mean for float32 x).

    The limits are the nearest picture (the mean of those equally near) at sigma = 0, and the mean
    of all at infinity. Within 1e-5 of float64 for float32 x at every sigma in [0.002, 80]. Source:
    Li et al. 2024, eq. 5.

    Raises InputError where `pictures` is none of these or is not finite.
    """

    def __init__(
        self, pictures: Pictures | Tensor, name: str = "multi-delta", *, chunk: int | None = None
    ) -> None:
        self._data = DataMatrix.of(pictures)
        self._chunk = chunk
        self._half_norms = torch.cat(
            [rows.square().sum(1) / 2 for _, rows in self._data.chunks(chunk)]
        )
        self.spec = Spec(name, self._data.shape, citations=("Li et al. 2024",))

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self._data.rows)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x0_hat, (B, C, H, W), in x's dtype. sigma: (B,) or (1,), from 0 to infinity.

        Plain differentiable operations: jvp, vjp and jacrev give Cov(x0 | x) / sigma^2. Reverse
        mode keeps the data in float64 until backward. Raises InputError on a wrong shape,
        SigmaOutOfRange on a negative or NaN level.
        """
        check_call(self.spec, x, sigma)
        z, variance, tie = self._stored_units(x, sigma)
        working = torch.float64 if x.dtype == torch.float64 else torch.float32
        top = torch.full_like(tie, LOWEST)
        total, mean = torch.zeros_like(tie), torch.zeros_like(z)
        for start, rows in self._data.chunks(self._chunk):
            score = z @ rows.T - self._half_norms[start : start + len(rows)]
            # Maxima cancel in the ratios below, so no derivative flows through them.
            chunk_top = score.detach().amax(1, keepdim=True)
            risen = torch.maximum(top, chunk_top)
            weights = unnormalized_weights(score - chunk_top, variance, tie)
            chunk_total = weights.sum(1, keepdim=True)
            # Normalized before the float32 product: rounding there cannot make weights that are
            # settled, as on one picture at low noise, look as if they moved with x.
            chunk_mean = ((weights / chunk_total).to(working) @ rows.to(working)).double()
            chunk_total = chunk_total * unnormalized_weights(chunk_top - risen, variance, tie)
            total = total * unnormalized_weights(top - risen, variance, tie) + chunk_total
            mean = mean + chunk_total / total * (chunk_mean - mean)
            top = risen
        mean = mean * self._data.scale + self._data.shift
        return mean.reshape(x.shape).to(x.dtype)

    @torch.no_grad()
    def posterior(self, x: Tensor, sigma: Tensor, k: int = 1) -> Posterior:
        """The posterior over the pictures given x, with the k nearest; not differentiable.

        sigma: (B,) or (1,). Raises as the call does, and InputError unless 1 <= k <= N.
        """
        check_call(self.spec, x, sigma)
        self._check_k(k)
        z, variance, tie = self._stored_units(x, sigma)
        sums = Accumulator(z, variance, tie, k)
        for start, rows in self._data.chunks(self._chunk):
            score = z @ rows.T - self._half_norms[start : start + len(rows)]
            sums.add(score, start, rows if x.dtype == torch.float64 else rows.float())
        return sums.finish(self._data, x)

    @torch.no_grad()
    def posterior_at_levels(
        self,
        x0: Tensor,
        eps: Tensor,
        sigmas: Tensor,
        k: int = 1,
    ) -> list[Posterior]:
        """`posterior(x0 + sigma * eps, sigma, k)` for each sigma, in one pass over the data.

        The products of x0 and eps with the data serve every level. x0 + sigma * eps is formed in
        float64, not in x0's dtype. sigmas: (L,), each from 0 to below infinity. Raises as
        `posterior`.
        """
        if x0.shape != eps.shape or sigmas.ndim != 1 or not bool(sigmas.isfinite().all()):
            raise InputError(
                f"{self.spec.name}: x0 {tuple(x0.shape)}, eps {tuple(eps.shape)}, sigmas "
                f"{tuple(sigmas.shape)}; give x0 and eps of one shape and (L,) finite levels"
            )
        for sigma in sigmas:
            check_call(self.spec, x0, sigma[None])
        self._check_k(k)
        levels = sigmas.double().to(x0.device).tolist()
        scale, shift = self._data.scale, self._data.shift
        z0 = (x0.reshape(len(x0), -1).double() - shift) / scale
        direction = eps.reshape(len(eps), -1).double() / scale
        sums = []
        for level in levels:
            z = z0 + level * direction
            sums.append(Accumulator(z, *self._variance_and_tie(z, z.new_tensor([level])), k))
        for start, rows in self._data.chunks(self._chunk):
            clean = z0 @ rows.T - self._half_norms[start : start + len(rows)]
            slope = direction @ rows.T
            values = rows if x0.dtype == torch.float64 else rows.float()
            for level, accumulator in zip(levels, sums, strict=True):
                accumulator.add(torch.add(clean, slope, alpha=level), start, values)
        return [accumulator.finish(self._data, x0) for accumulator in sums]

    def to(self, device: torch.device | str) -> "MultiDeltaDenoiser":
        """The same denoiser with its data on another device."""
        moved = object.__new__(MultiDeltaDenoiser)
        moved._data, moved._chunk = self._data.to(device), self._chunk
        moved._half_norms, moved.spec = self._half_norms.to(device), self.spec
        return moved

    def _stored_units(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x as (B, d), sigma^2 as (B, 1) or (1, 1), and the rounding of a score as (B, 1)."""
        z = (x.reshape(x.shape[0], -1).double() - self._data.shift) / self._data.scale
        return z, *self._variance_and_tie(z, sigma.to(x.device))

    def _variance_and_tie(self, z: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        variance = (sigma.double().reshape(-1, 1) / self._data.scale) ** 2
        magnitude = z.detach().square().sum(1, keepdim=True) + 2 * self._half_norms.max()
        return variance, torch.finfo(torch.float64).eps * z.shape[1] * magnitude

    def _check_k(self, k: int) -> None:
        if not 1 <= k <= len(self):
            raise InputError(f"{k} nearest pictures asked of {len(self)}; give 1 to {len(self)}")
