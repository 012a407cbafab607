"""Layers shared by the U-Nets: convolution that resamples, normalization, embeddings.

Parameter and buffer names, shapes and arithmetic are those of the networks published with
Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models"
(arXiv 2206.00364), so that their weights load here.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Images = Float[Tensor, "batch channel height width"]
NewImages = Float[Tensor, "batch new_channel new_height new_width"]  # of other sizes
Embedding = Float[Tensor, "rows feature"]  # rows: the batch, or 1 for one level shared by all


@dataclass(frozen=True)
class UniformInit:
    """Uniform initialization on [-bound, bound] with bound = gain * sqrt(3 / fan).

    `fan` is the number of inputs of a unit (`fans="in"`, He) or the mean of the numbers of inputs
    and outputs (`fans="mean"`, Glorot). Weights and biases have gains of their own.
    """

    fans: Literal["in", "mean"]
    weight_gain: float = 1.0
    bias_gain: float = 0.0

    def draw(self, shape: tuple[int, ...], gain: float, fan_in: int, fan_out: int) -> nn.Parameter:
        fan = fan_in if self.fans == "in" else (fan_in + fan_out) / 2
        bound = gain * math.sqrt(3 / fan)
        return nn.Parameter(
            torch.empty(shape).uniform_(-bound, bound) if gain else torch.zeros(shape)
        )

    def draw_weight(self, shape: tuple[int, ...], fan_in: int, fan_out: int) -> nn.Parameter:
        return self.draw(shape, self.weight_gain, fan_in, fan_out)

    def draw_bias(self, size: int, fan_in: int, fan_out: int) -> nn.Parameter:
        return self.draw((size,), self.bias_gain, fan_in, fan_out)


class Dense(nn.Module):
    """y = x W^T + b; W: (outputs, inputs)."""

    def __init__(self, inputs: int, outputs: int, init: UniformInit, bias: bool = True) -> None:
        super().__init__()
        self.weight = init.draw_weight((outputs, inputs), inputs, outputs)
        self.bias = init.draw_bias(outputs, inputs, outputs) if bias else None

    def forward(self, x: Embedding) -> Float[Tensor, "rows new_feature"]:
        return functional.linear(x, self.weight, self.bias)


class ResamplingConv(nn.Module):
    """Convolution of odd kernel size, after doubling or halving the picture by a smooth filter.

    The separable filter `taps` (sum normalized to 1) is applied with stride 2 (`resample="down"`)
    or transposed with stride 2 and gain 4 (`"up"`), then the convolution with zero padding.
    `kernel=0` resamples alone and has no parameters. `filter_last` convolves at the full size,
    with padding for both, and filters afterwards (halving only; the residual encoder of NCSN++).
    """

    resample_filter: Tensor | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        init: UniformInit,
        resample: Literal["up", "down"] | None = None,
        taps: tuple[float, ...] = (1, 1),
        filter_last: bool = False,
    ) -> None:
        super().__init__()
        self.resample = resample
        self.taps = tuple(taps)
        self.filter_last = filter_last
        self.kernel = kernel
        self.weight = self.bias = None
        if kernel:
            fans = inputs * kernel**2, outputs * kernel**2
            self.weight = init.draw_weight((outputs, inputs, kernel, kernel), *fans)
            self.bias = init.draw_bias(outputs, *fans)
        filter_1d = torch.tensor(taps, dtype=torch.float32)
        filter_2d = torch.outer(filter_1d, filter_1d) / filter_1d.sum() ** 2
        self.register_buffer("resample_filter", filter_2d[None, None] if resample else None)

    def forward(self, x: Images) -> NewImages:
        if self.weight is None:
            return self.resampled(x)
        if self.filter_last:
            extra = (len(self.taps) - 1) // 2
            x = functional.conv2d(x, self.weight, self.bias, padding=self.kernel // 2 + extra)
            return self.resampled(x, padding=0)
        if self.resample == "up" and self.taps == (1, 1):
            return self.convolved_after_repeating(x, self.weight)
        x = self.resampled(x)
        return functional.conv2d(x, self.weight, self.bias, padding=self.kernel // 2)

    def convolved_after_repeating(self, x: Images, weight: Tensor) -> NewImages:
        """Convolution of the picture with every pixel repeated, from the small picture directly.

        Equal up to rounding. At 1x1 the order does not matter; a larger kernel meets every small
        pixel twice along each side, so that its taps, summed in pairs, are those of a transposed
        convolution of stride 2: less than half the products.
        """
        if self.kernel == 1:
            return self.resampled(functional.conv2d(x, weight, self.bias))
        padded = functional.pad(weight.flip(2, 3), (1, 1, 1, 1))
        pairs = padded[:, :, 1:] + padded[:, :, :-1]
        pairs = pairs[..., 1:] + pairs[..., :-1]
        return functional.conv_transpose2d(
            x, pairs.transpose(0, 1), self.bias, stride=2, padding=self.kernel // 2
        )

    def resampled(self, x: Images, padding: int | None = None) -> NewImages:
        """The filter along rows and columns as two matrix products.

        On a CPU several times faster than a grouped convolution in bfloat16.
        """
        if self.resample is None:
            return x
        if padding is None:
            padding = (len(self.taps) - 1) // 2
        height, width = x.shape[2:]
        if self.resample == "up":
            rows, columns = (2 * self.filter_matrix(2 * n, padding, x) for n in (height, width))
            return rows @ x @ columns.T
        rows, columns = (self.filter_matrix(n, padding, x) for n in (height, width))
        return rows.T @ x @ columns

    def filter_matrix(self, size: int, padding: int, like: Tensor) -> Float[Tensor, "{size} half"]:
        """Column j holds the taps around the places 2j and 2j + 1; those outside are dropped."""
        assert self.resample_filter is not None
        taps = self.resample_filter[0].sum(1, keepdim=True).to(like.dtype)
        unit_vectors = torch.eye(size, dtype=like.dtype, device=like.device)[:, None]
        return functional.conv1d(unit_vectors, taps, stride=2, padding=padding)[:, 0]


def group_count(channels: int) -> int:
    """Groups of a group norm: at most 32, of at least 4 channels, dividing the channels."""
    most = max(1, min(32, channels // 4))
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)


class GroupNorm(nn.Module):
    """Group normalization (Wu & He 2018) over `group_count(channels)` groups."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.groups = group_count(channels)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Images) -> Images:
        return functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)


def waves(x: Float[Tensor, " rows"], frequencies: Float[Tensor, " half"]) -> tuple[Tensor, Tensor]:
    angles = torch.outer(x, frequencies.to(x.dtype))
    return angles.cos(), angles.sin()


class PositionalEmbedding(nn.Module):
    """cos(f_k x), sin(f_k x) with f_k = 10000^(-k / n), k < half, n = half (- 1 if `endpoint`).

    Vaswani et al. 2017, section 3.5. Returns the cosines and the sines, each (rows, half).
    """

    def __init__(self, features: int, endpoint: bool) -> None:
        super().__init__()
        self.frequencies = features // 2
        self.last = self.frequencies - endpoint

    def forward(self, x: Float[Tensor, " rows"]) -> tuple[Tensor, Tensor]:
        steps = torch.arange(self.frequencies, dtype=x.dtype, device=x.device)
        return waves(x, (1 / 10000) ** (steps / self.last))


class FourierEmbedding(nn.Module):
    """cos(2 pi f_k x), sin(2 pi f_k x), f_k drawn once from N(0, 16^2) (Tancik et al. 2020).

    Returns the cosines and the sines, each (rows, half).
    """

    freqs: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 16 * torch.randn(features // 2))

    def forward(self, x: Float[Tensor, " rows"]) -> tuple[Tensor, Tensor]:
        return waves(x, 2 * math.pi * self.freqs)
