"""The Jacobian dD/dx of a denoiser at one point, known by its products with vectors alone.

The d x d matrix J = dD(x; sigma)/dx is never formed. A backward pass through D gives J^T u. That
pass is itself linear in u, with matrix J^T; a backward pass through *it* gives (J^T)^T v = J v. So
both products take reverse mode only, whatever the denoiser is made of, and both reuse one forward
pass at x, of as many copies of it as a block has vectors: a block costs its backward passes and
nothing else. (Forward mode gives the same J v, but passes through D again for every block, and a
batch of copies is multiplied faster than one graph under `torch.func.vmap`.)

For the posterior mean of any data set J = Cov(x0 | x) / sigma^2, symmetric and positive
semidefinite; a Gaussian's is U diag(lam / (lam + sigma^2)) U^T everywhere. A network's need be
neither symmetric nor positive: see `jacobian_asymmetry`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, as_sigma, check_denoiser
from denoscope.errors import InputError, RunError
from denoscope.metrics.linearised_layers import LinearisedLayers

__all__ = ["Jacobian"]

BATCH = 16  # vectors in one backward pass: enough to fill a processor, little memory


class Jacobian:
    """J = dD/dx (d, d) at x, by products; d = C H W, vectors are columns, in float64 on the CPU.

    x: one noisy picture, (C, H, W) or (1, C, H, W). Products are computed in x's dtype by the
    denoiser (a network's are right to about 1e-6 of the largest singular value in float32).
    `products` counts the vectors multiplied so far, J v and J^T u alike.

    Raises InputError for another shape than the denoiser's, RunError where a product is NaN or
    infinite.

    >>> from denoscope.denoiser import FunctionDenoiser, Spec
    >>> double = FunctionDenoiser(lambda x, sigma: 2 * x, Spec("double", (1, 2, 2)))
    >>> Jacobian(double, torch.zeros(1, 2, 2), 1.0).times(torch.ones(4, 1)).T
    tensor([[2., 2., 2., 2.]], dtype=torch.float64)
    """

    def __init__(self, denoiser: Denoiser, x: Tensor, sigma: float) -> None:
        shape = tuple(check_denoiser(denoiser).spec.shape)
        if tuple(x.shape) not in (shape, (1, *shape)) or not x.is_floating_point():
            raise InputError(
                f"{denoiser.spec.name}: x is {x.dtype} {tuple(x.shape)}; give floats of one noisy "
                f"picture, ({', '.join(map(str, shape))})"
            )
        at = x.detach().reshape(1, *shape)
        level = as_sigma(sigma, at)
        self.name, self.sigma, self.d = denoiser.spec.name, float(sigma), at.numel()
        self.products = 0
        self._denoiser, self._level, self._at = denoiser, level, at
        self._passes: dict[int, _Pass] = {}
        self.x0_hat = self._pass(1).answer

    def times(self, v: Tensor) -> Tensor:
        """J v, (d, k), for v (d, k)."""
        return self._through(v, transposed=False)

    def transposed_times(self, u: Tensor) -> Tensor:
        """J^T u, (d, k), for u (d, k)."""
        return self._through(u, transposed=True)

    def _pass(self, rows: int) -> "_Pass":
        if rows not in self._passes:
            self._passes[rows] = _Pass.forward(self._denoiser, self._level, self._at, rows)
        return self._passes[rows]

    def _through(self, block: Tensor, transposed: bool) -> Tensor:
        if block.ndim != 2 or block.shape[0] != self.d:
            raise InputError(
                f"vectors of shape {tuple(block.shape)}; give columns, ({self.d}, k) with k vectors"
            )
        self.products += block.shape[1]
        parts = []
        for columns in block.detach().split(BATCH, dim=1):
            rows = columns.T.to(self._at).reshape(-1, *self._at.shape[1:])
            one = self._pass(len(rows))
            out = one.pull(rows) if transposed else one.push(rows)
            parts.append(out.reshape(len(rows), self.d).T.cpu().to(torch.float64))
        product = torch.cat(parts, dim=1) if parts else block.new_zeros(self.d, 0)
        if not bool(product.isfinite().all()):
            raise RunError(
                f"{self.name}: the derivative at sigma {self.sigma:g} is NaN or infinite; "
                "check its weights, or choose another level"
            )
        return product


@dataclass(frozen=True)
class _Pass:
    """One forward pass at several copies of x, and the backward pass of a cotangent through it."""

    x: Tensor
    x0_hat: Tensor
    cotangent: Tensor
    gradient: Tensor
    """J^T cotangent, row by row, a linear function of it."""

    @classmethod
    def forward(cls, denoiser: Denoiser, level: Tensor, at: Tensor, rows: int) -> "_Pass":
        x = at.repeat(rows, 1, 1, 1).requires_grad_()
        with torch.enable_grad():
            with LinearisedLayers():
                x0_hat = denoiser(x, level) + 0 * x  # one that does not look at x has J = 0
            cotangent = torch.zeros_like(x0_hat, requires_grad=True)
            (gradient,) = torch.autograd.grad(x0_hat, x, cotangent, create_graph=True)
        return cls(x, x0_hat, cotangent, gradient)

    @property
    def answer(self) -> Tensor:
        return self.x0_hat.detach()

    def pull(self, u: Tensor) -> Tensor:
        return torch.autograd.grad(self.x0_hat, self.x, u, retain_graph=True)[0]

    def push(self, v: Tensor) -> Tensor:
        return torch.autograd.grad(self.gradient, self.cotangent, v, retain_graph=True)[0]
