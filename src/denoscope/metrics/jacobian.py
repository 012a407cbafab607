"""The Jacobian dD/dx of a denoiser at one point, known by its products with vectors alone.

The d x d matrix J = dD(x; sigma)/dx is never formed. A backward pass through D gives J^T u. That
pass is itself linear in u, with matrix J^T; a backward pass through *it* gives (J^T)^T v = J v. So
both products take reverse mode alone, whatever the denoiser is made of, and both reuse the one
forward pass at x: a block of vectors costs its backward passes and nothing else. (Forward mode
gives the same J v at twice the price, since it passes through D again for every block.)

For the posterior mean of any data set J = Cov(x0 | x) / sigma^2, symmetric and positive
semidefinite; a Gaussian's is U diag(lam / (lam + sigma^2)) U^T everywhere. A network's need be
neither symmetric nor positive: see `jacobian_asymmetry`.
"""

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, as_sigma, check_denoiser
from denoscope.errors import InputError, RunError

__all__ = ["BLOCK", "Jacobian"]

BLOCK = 8  # vectors in one backward pass; each costs half of what it does alone


class Jacobian:
    """J = dD/dx (d, d) at x, by products; d = C H W, vectors are columns, in float64 on the CPU.

    x: one noisy picture, (C, H, W) or (1, C, H, W). Products are computed in x's dtype by the
    denoiser (a network's in float32 are right to about 1e-6 of the largest singular value).
    `products` counts the vectors multiplied so far, J v and J^T u alike. Memory: the graph of one
    training step on `BLOCK` pictures, some three times over.

    Raises InputError for another shape than the denoiser's and where its answer has no derivative,
    RunError where a product is NaN or infinite.

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
        self.name, self.sigma, self.d = denoiser.spec.name, float(sigma), x.numel()
        self.products = 0
        with torch.enable_grad():
            self._x = x.detach().reshape(1, *shape).repeat(BLOCK, 1, 1, 1).requires_grad_()
            self._x0_hat = denoiser(self._x, as_sigma(sigma, self._x))
            self._u = torch.zeros_like(self._x0_hat, requires_grad=True)
            if self._x0_hat.requires_grad:
                (self._pulled,) = torch.autograd.grad(
                    self._x0_hat, self._x, self._u, create_graph=True, materialize_grads=True
                )
        if not self._x0_hat.requires_grad or not self._pulled.requires_grad:
            raise InputError(
                f"{self.name}: its answer has no derivative; it must depend on x, "
                "outside torch.no_grad and without detaching"
            )

    def times(self, v: Tensor) -> Tensor:
        """J v, (d, k), for v (d, k)."""
        return self._through(self._pulled, self._u, v)

    def transposed_times(self, u: Tensor) -> Tensor:
        """J^T u, (d, k), for u (d, k)."""
        return self._through(self._x0_hat, self._x, u)

    def _through(self, output: Tensor, source: Tensor, block: Tensor) -> Tensor:
        """The backward pass from `output` to `source`, BLOCK columns at a time, the last padded."""
        if block.ndim != 2 or block.shape[0] != self.d:
            raise InputError(
                f"vectors of shape {tuple(block.shape)}; give columns, ({self.d}, k) with k vectors"
            )
        self.products += block.shape[1]
        parts = [torch.zeros(self.d, 0, dtype=torch.float64)]
        for columns in block.split(BLOCK, dim=1):
            count = columns.shape[1]
            rows = torch.zeros_like(self._x)
            rows[:count] = columns.T.reshape(count, *rows.shape[1:])
            (out,) = torch.autograd.grad(output, source, rows, retain_graph=True)
            parts.append(out[:count].reshape(count, self.d).T.cpu().to(torch.float64))
        product = torch.cat(parts, dim=1)
        if not bool(product.isfinite().all()):
            raise RunError(
                f"{self.name}: the derivative at sigma {self.sigma:g} is NaN or infinite; "
                "check its weights, or choose another level"
            )
        return product
