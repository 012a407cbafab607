"""Layers whose derivative at one point costs the same however often it is passed through.

At a fixed x a layer's derivative is a matrix A; a backward pass multiplies by A^T, and a backward pass
through that, in its cotangent, by A again. torch's own second pass works out more than that: what the
weights' and the point's derivatives would be. Here both products are written down,

    convolution     A = W             A^T = the transposed convolution
    SiLU            A = diag(s'(x))   A^T = A
    group norm      A = rstd (I - P) diag(w)     A^T = diag(w) rstd (I - P)

with P the projection on 1 and on the normalised x, group by group.

A block of vectors passes through as many copies of the point. What copies share is worked out once: a
convolution's values and SiLU's slope are those of the first row wherever all rows are equal. And the
cotangent with which a second pass is recorded is nought: so is the product, and none is computed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input
from torch.overrides import TorchFunctionMode

__all__ = ["LinearisedLayers"]

Product = Callable[[Tensor], Tensor]


class LinearisedLayers(TorchFunctionMode):
    """Within it, the layers above pass on first derivatives by their input, and those of these by the
    cotangent: all that products with a Jacobian need. Others are torch's own, as is every value.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        layer = _LAYERS.get(func)
        given = dict(kwargs or {})
        found = layer(*args, **given) if layer else None
        return func(*args, **given) if found is None else found


class _Layer(torch.autograd.Function):
    """`value`, with a derivative known by its two products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, times: Product, transposed: Product) -> Tensor:
        ctx.times, ctx.transposed, ctx.shape = times, transposed, x.shape
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        u, recorded = grads[0], torch.is_grad_enabled()
        times = _nought(ctx.shape) if recorded and not bool(u.any()) else ctx.transposed
        return _Linear.apply(u, times, ctx.transposed, ctx.times), None, None, None


class _Linear(torch.autograd.Function):
    """A linear map: the product with x, got by `product`, and those of its own derivatives."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, product: Product, times: Product, transposed: Product
    ) -> Tensor:
        ctx.times, ctx.transposed = times, transposed
        return product(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        back = ctx.transposed
        return _Linear.apply(grads[0], back, back, ctx.times), None, None, None


def _layer(x: Tensor, value: Tensor, times: Product, transposed: Product) -> Tensor:
    y: Any = _Layer.apply(x, value, times, transposed)
    return y


def _nought(shape: torch.Size) -> Product:
    return lambda u: u.new_zeros(shape)


def _distinct(x: Tensor) -> Tensor:
    """The first row of x where all are equal, else all of them."""
    return x[:1] if x.ndim and len(x) > 1 and torch.equal(x[1:], x[:-1]) else x


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    if isinstance(padding, str) or input.ndim != 4:  # "same" names no number of pixels
        return None
    words, w = (stride, padding, dilation, groups), weight.detach()
    x, shape = _distinct(input.detach()), input.shape
    value = torch.conv2d(x, w, None if bias is None else bias.detach(), *words)
    return _layer(
        input,
        value.repeat(len(input) // len(value), 1, 1, 1),
        lambda v: torch.conv2d(v, w, None, *words),
        lambda u: conv2d_input(shape, w, u, *words),
    )


def _silu(input: Tensor, inplace: bool = False) -> Tensor | None:
    if inplace:
        return None
    x = _distinct(input.detach())
    gate = x.sigmoid()
    slope = gate * (1 + x * (1 - gate))
    value = functional.silu(input.detach())
    return _layer(input, value, lambda v: v * slope, lambda u: u * slope)


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor | None:
    if input.ndim != 4 or weight is None or bias is None:
        return None
    x, w, (n, channels) = input.detach().contiguous(), weight.detach(), input.shape[:2]
    size = (n, channels, x[0, 0].numel(), num_groups)
    value, mean, rstd = torch.native_group_norm(x, w, bias.detach(), *size, eps)

    def backward(u: Tensor, scale: Tensor | None) -> Tensor:
        """rstd (I - P) diag(scale) u."""
        return torch.ops.aten.native_group_norm_backward(
            u.contiguous(), x, mean, rstd, scale, *size, [True, False, False]
        )[0]

    columns = w.reshape(-1, 1, 1)
    return _layer(input, value, lambda v: columns * backward(v, None), lambda u: backward(u, w))


_LAYERS: dict[Any, Callable[..., Tensor | None]] = {
    torch.conv2d: _convolution,
    functional.silu: _silu,
    functional.group_norm: _group_norm,
}
