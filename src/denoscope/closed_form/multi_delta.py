"""The multi-delta denoiser: the optimum of the training loss, and the picture of memorization.

For pictures y_1 .. y_N it is the posterior mean of x0 given x = x0 + sigma eps when x0 is one of
them,

    D_M(x; sigma) = sum_i w_i y_i,   w_i = softmax_i(-|x - y_i|^2 / (2 sigma^2))

(Li et al. 2024, eq. 5), so it can reproduce nothing but (mixtures of) the pictures. Its derivative
is dD/dx = Cov(x0 | x) / sigma^2 = (sum_i w_i y_i y_i^T - D D^T) / sigma^2, symmetric and positive
semidefinite.

**Accuracy.** At sigma = 0.002 the exponent is 10^8 in magnitude, and two near-duplicates are told
apart by differences of order 1: float32 distances, expanded or not, are not enough. They settle
which pictures can matter, with a proven bound; those are measured again in float64 (`posterior`).

**Cost.** The data are kept once, as uint8, and pass by in chunks: once for the scores, two products
of B N d multiplications for any number of levels (`scores`), and once more for the means of those
levels at which many pictures matter, one product a level. At low noise a mean costs next to nothing.
Products of uint8 pictures are taken of int8 slices where those are fast (`slices`), and then do not depend
on chunks or threads at all.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.posterior import Posterior, posteriors_of, unnormalized_weights
from denoscope.closed_form.scores import Queries
from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError
from denoscope.images import Pictures

__all__ = ["MultiDeltaDenoiser"]

LOWEST = -1e150  # below any score, and finite when divided by a variance squared


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
        # Squares of bytes are whole numbers that float32 holds; their sums float64 does.
        kind = torch.float32 if self._data.stored.dtype == torch.uint8 else torch.float64
        self._half_norms = self._data.origin.new_empty(len(self._data))
        for start, rows in self._data.chunks(chunk, kind):
            half_norms = rows.square_().sum(1, dtype=torch.float64).div_(2)
            self._half_norms[start : start + len(rows)] = half_norms
        self.spec = Spec(name, self._data.shape, citations=("Li et al. 2024",))

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self._data)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x0_hat, (B, C, H, W), in x's dtype. sigma: (B,) or (1,), from 0 to infinity.

        float64 x takes the formula as it stands, in float64; other x the way of `posterior`, with
        the derivatives of that formula: jvp, vjp and jacrev give Cov(x0 | x) / sigma^2. Reverse
        mode keeps the data in float64 until backward. Raises InputError on a wrong shape,
        SigmaOutOfRange on a negative or NaN level.
        """
        check_call(self.spec, x, sigma)
        if x.dtype == torch.float64:
            return self._formula(x, sigma)
        return _Mean.apply(x, sigma, self)

    @torch.no_grad()
    def posterior(self, x: Tensor, sigma: Tensor, k: int = 1) -> Posterior:
        """The posterior over the pictures given x, with the k nearest; not differentiable.

        sigma: (B,) or (1,). Raises as the call does, and InputError unless 1 <= k <= N.
        """
        check_call(self.spec, x, sigma)
        self._check_k(k)
        levels = sigma.to(x.device).double().expand(len(x))[None] / self._data.scale
        return self._posteriors(self._data.coordinates(x), None, levels, k, x.dtype)[0]

    @torch.no_grad()
    def posterior_at_levels(
        self,
        x0: Tensor,
        eps: Tensor,
        sigmas: Tensor,
        k: int = 1,
    ) -> list[Posterior]:
        """`posterior(x0 + sigma * eps, sigma, k)` for each sigma, for two products in all.

        x0 + sigma * eps is formed in float64, not in x0's dtype. sigmas: (L,), each from 0 to below
        infinity. Raises as `posterior`.
        """
        if x0.shape != eps.shape or sigmas.ndim != 1 or not bool(sigmas.isfinite().all()):
            raise InputError(
                f"{self.spec.name}: x0 {tuple(x0.shape)}, eps {tuple(eps.shape)}, sigmas "
                f"{tuple(sigmas.shape)}; give x0 and eps of one shape and (L,) finite levels"
            )
        for sigma in sigmas:
            check_call(self.spec, x0, sigma[None])
        self._check_k(k)
        # eps is noise in picture units, x0 a place: only the latter is shifted. Both scale alike.
        levels = sigmas.to(x0.device).double()[:, None].expand(-1, len(x0)) / self._data.scale
        slope = eps.reshape(len(eps), -1).double()
        return self._posteriors(self._data.coordinates(x0), slope, levels, k, x0.dtype)

    def _posteriors(
        self, clean: Tensor, slope: Tensor | None, levels: Tensor, k: int, dtype: torch.dtype
    ) -> list[Posterior]:
        exact = dtype if dtype == torch.float64 else torch.float32
        queries = Queries(clean, slope, levels, exact)
        found = posteriors_of(self._data, self._half_norms, queries, k, self._chunk)
        return [replace(one, x0_hat=one.x0_hat.to(dtype)) for one in found]

    def _formula(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Eq. 5 in float64, of differentiable operations, with a running maximum over chunks."""
        z = self._data.coordinates(x)
        variance = (sigma.to(x.device).double().reshape(-1, 1) / self._data.scale) ** 2
        magnitude = z.detach().square().sum(1, keepdim=True) + 2 * self._half_norms.max()
        tie = torch.finfo(torch.float64).eps * z.shape[1] * magnitude
        top = torch.full_like(tie, LOWEST)
        total, mean = torch.zeros_like(tie), torch.zeros_like(z)
        for part in self._data.slices(self._chunk):
            rows = self._data.rows(part)
            score = z @ rows.T - self._half_norms[part]
            # Maxima cancel in the ratios below, so no derivative flows through them.
            chunk_top = score.detach().amax(1, keepdim=True)
            risen = torch.maximum(top, chunk_top)
            weights = unnormalized_weights(score - chunk_top, variance, tie)
            chunk_total = weights.sum(1, keepdim=True)
            # Normalized before the product: rounding there cannot make weights that are settled,
            # as on one picture at low noise, look as if they moved with x.
            chunk_mean = (weights / chunk_total) @ rows
            chunk_total = chunk_total * unnormalized_weights(chunk_top - risen, variance, tie)
            total = total * unnormalized_weights(top - risen, variance, tie) + chunk_total
            mean = mean + chunk_total / total * (chunk_mean - mean)
            top = risen
        return self._data.pictures(mean).reshape(x.shape)

    def _check_k(self, k: int) -> None:
        if not 1 <= k <= len(self):
            raise InputError(f"{k} nearest pictures asked of {len(self)}; give 1 to {len(self)}")

    def to(self, device: torch.device | str) -> "MultiDeltaDenoiser":
        """The same denoiser with its data on another device."""
        moved = object.__new__(MultiDeltaDenoiser)
        moved._data, moved._chunk = self._data.to(device), self._chunk
        moved._half_norms, moved.spec = self._half_norms.to(device), self.spec
        return moved


class _Mean(torch.autograd.Function):
    """The posterior mean of float32 x, with the derivatives of the float64 formula."""

    @staticmethod
    def forward(x: Tensor, sigma: Tensor, denoiser: MultiDeltaDenoiser) -> Tensor:
        return denoiser.posterior(x, sigma).x0_hat

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, sigma, ctx.denoiser = inputs
        ctx.save_for_backward(x, sigma)
        ctx.save_for_forward(x, sigma)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, sigma = ctx.saved_tensors
        pull = torch.func.vjp(ctx.denoiser._formula, x.double(), sigma.double())[1]
        to_x, to_sigma = pull(grad.double())
        return to_x.to(x.dtype), to_sigma.to(sigma.dtype), None

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor | None, to_sigma: Tensor | None, _: None) -> Tensor:
        x, sigma = ctx.saved_tensors
        along = [
            torch.zeros_like(of, dtype=torch.float64) if tangent is None else tangent.double()
            for tangent, of in ((to_x, x), (to_sigma, sigma))
        ]
        # Forward mode does not nest in all its forms: the transpose of the (linear) pullback.
        pull = torch.func.vjp(ctx.denoiser._formula, x.double(), sigma.double())[1]
        push = torch.func.vjp(pull, torch.zeros_like(x, dtype=torch.float64))[1]
        return push(tuple(along))[0].to(x.dtype)

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], x: Tensor, sigma: Tensor, denoiser: Any):
        n = info.batch_size
        both = [
            t.expand(n, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in zip((x, sigma), dims[:2], strict=True)
        ]
        rows = both[0].flatten(0, 1)
        levels = both[1].expand(n, both[0].shape[1]).flatten()
        return _Mean.apply(rows, levels, denoiser).unflatten(0, (n, -1)), 0
