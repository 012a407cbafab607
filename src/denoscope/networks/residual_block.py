"""The residual block of every U-Net here (Song et al. 2021, Dhariwal & Nichol 2021)."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from denoscope.networks.dropout import dropout
from denoscope.networks.layers import (
    Dense,
    Embedding,
    GroupNorm,
    Images,
    NewImages,
    ResamplingConv,
    UniformInit,
)


@dataclass(frozen=True)
class BlockStyle:
    """What all blocks of one network have in common."""

    embedding: int
    dropout: float
    init: UniformInit
    init_last: UniformInit  # of the last convolution of each residual branch: (almost) zero
    init_attention: UniformInit
    eps: float
    skip_scale: float
    adaptive_scale: bool  # the embedding scales and shifts, instead of shifting alone
    project_resampled: bool  # a 1x1 convolution on the skip path wherever the size changes
    channels_per_head: int | None  # None: one head
    taps: tuple[float, ...] = (1, 1)

    def heads(self, channels: int) -> int:
        return 1 if self.channels_per_head is None else channels // self.channels_per_head


class ResidualBlock(nn.Module):
    """The block of every U-Net here: two convolutions under the noise embedding, a skip, attention.

    h = conv0(silu(norm0(x))), optionally resampled; h = silu(norm1(h + e)) or, with an adaptive
    scale, silu((1 + s) norm1(h) + t), where e or (s, t) are affine in the embedding;
    y = skip_scale (skip(x) + conv1(dropout(h))); then y = skip_scale (y + proj(attention(y))).
    Where `channels_per_head` exceeds the channels there are no heads, and so no attention.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        style: BlockStyle,
        resample: Literal["up", "down"] | None = None,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.dropout = style.dropout
        self.skip_scale = style.skip_scale
        self.adaptive_scale = style.adaptive_scale
        self.heads = style.heads(outputs) if attention else 0
        init, eps = style.init, style.eps
        self.norm0 = GroupNorm(inputs, eps)
        self.conv0 = ResamplingConv(inputs, outputs, 3, init, resample, style.taps)
        self.affine = Dense(style.embedding, outputs * (2 if style.adaptive_scale else 1), init)
        self.norm1 = GroupNorm(outputs, eps)
        self.conv1 = ResamplingConv(outputs, outputs, 3, style.init_last)
        self.skip = None
        if inputs != outputs or resample:
            kernel = 1 if inputs != outputs or style.project_resampled else 0
            self.skip = ResamplingConv(inputs, outputs, kernel, init, resample, style.taps)
        if self.heads:
            self.norm2 = GroupNorm(outputs, eps)
            self.qkv = ResamplingConv(outputs, 3 * outputs, 1, style.init_attention)
            self.proj = ResamplingConv(outputs, outputs, 1, style.init_last)

    def forward(self, x: Images, embedding: Embedding) -> NewImages:
        h = self.conv0(functional.silu(self.norm0(x)))
        modulation = self.affine(embedding)[:, :, None, None]
        if self.adaptive_scale:
            scale, shift = modulation.chunk(2, dim=1)
            h = functional.silu(torch.addcmul(shift, self.norm1(h), scale + 1))
        else:
            h = functional.silu(self.norm1(h + modulation))
        h = self.conv1(dropout(h, self.dropout) if self.training else h)
        x = (h + (x if self.skip is None else self.skip(x))) * self.skip_scale
        if self.heads:
            x = (x + self.proj(self.attended(self.norm2(x)))) * self.skip_scale
        return x

    def attended(self, x: Images) -> Images:
        """Self-attention over the pixels.

        Plain products and a softmax: they can be differentiated in every mode, any number of
        times, and at these sizes the fused kernel is not faster on a CPU. In lower precisions the
        softmax computes in float32 inside.
        """
        batch, channels, height, width = x.shape
        size = channels // self.heads
        q, k, v = self.qkv(x).reshape(batch, self.heads, size, 3, height * width).unbind(3)
        weights = (q.transpose(2, 3) @ (k / math.sqrt(size))).softmax(-1).to(v.dtype)
        return (v @ weights.transpose(2, 3)).reshape(batch, channels, height, width)
