"""The U-Net of denoising-diffusion-pytorch (Phil Wang), as its trainer's checkpoints hold it.

A DDPM U-Net with two residual blocks and an attention at every level, linear at most of them (Katharopoulos
et al. 2020; Shen et al. 2018). Its releases differ in how blocks and attention are normalized
(`LucidLayout.normalization`) and in the memory of the attention; parameters are named as in the
newest.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import Embedding, Images, NewImages

__all__ = ["GROUPS", "LucidUNet"]

GROUPS = 8  # of a group norm
MEMORY = 4  # learned keys and values of an attention
PERIOD = 10000  # 2 pi times it is the slowest wave of the time's embedding
EPSILON = 1e-5  # added to a variance that divides


class ChannelNorm(nn.Module):
    """x over its root mean square along the channels or, `centred`, (x - mean) over its deviation; times g."""

    def __init__(self, channels: int, centred: bool = False) -> None:
        super().__init__()
        self.centred = centred
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Images) -> Images:
        if self.centred:
            variance, mean = torch.var_mean(x, dim=1, unbiased=False, keepdim=True)
            return (x - mean) * (variance + EPSILON).rsqrt() * self.g
        return functional.normalize(x, dim=1) * self.g * math.sqrt(x.shape[1])


class StandardizedConv(nn.Conv2d):
    """A convolution whose units have mean 0 and deviation 1 (Qiao et al. 2019)."""

    def forward(self, input: Images) -> NewImages:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), unbiased=False, keepdim=True)
        weight = (self.weight - mean) * (variance + EPSILON).rsqrt()
        return functional.conv2d(input, weight, self.bias, padding=self.padding)  # type: ignore[arg-type]


class ConvNorm(nn.Module):
    """silu(norm(proj(x)) (1 + scale) + shift)."""

    def __init__(self, inputs: int, outputs: int, normalization: str) -> None:
        super().__init__()
        conv = StandardizedConv if normalization == "standardized" else nn.Conv2d
        self.proj = conv(inputs, outputs, 3, padding=1)
        rms = normalization == "rms"
        self.norm = ChannelNorm(outputs) if rms else nn.GroupNorm(GROUPS, outputs)

    def forward(self, x: Images, told: tuple[Tensor, Tensor] | None = None) -> NewImages:
        x = self.norm(self.proj(x))
        if told is not None:
            scale, shift = told
            x = x * (scale + 1) + shift
        return functional.silu(x)


class LucidBlock(nn.Module):
    """Two convolutions, of which the embedding scales and shifts the first, beside a 1x1 where sizes change."""

    def __init__(self, inputs: int, outputs: int, embedding: int, normalization: str) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outputs))
        self.block1 = ConvNorm(inputs, outputs, normalization)
        self.block2 = ConvNorm(outputs, outputs, normalization)
        self.res_conv = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Images, embedding: Embedding) -> NewImages:
        scale, shift = self.mlp(embedding)[:, :, None, None].chunk(2, dim=1)
        return self.block2(self.block1(x, (scale, shift))) + self.res_conv(x)


class LucidAttention(nn.Module):
    """Attention over the pixels and `memory` more keys and values. In plain products.

    Full: softmax(q k / sqrt(size)) v. Linear: softmax over the channels of q times (softmax over the
    pixels of k times v), which is never (pixels, pixels) large; its answer is normalized.
    """

    def __init__(
        self, channels: int, heads: int, size: int, full: bool, memory: bool, centred: bool
    ) -> None:
        super().__init__()
        self.heads, self.size, self.full, self.centred = heads, size, full, centred
        self.norm = ChannelNorm(channels, centred)
        kept = (MEMORY, size) if full else (size, MEMORY)
        self.mem_kv = nn.Parameter(torch.randn(2, heads, *kept)) if memory else None
        self.to_qkv = nn.Conv2d(channels, 3 * heads * size, 1, bias=False)
        out = nn.Conv2d(heads * size, channels, 1)
        self.to_out = out if full else nn.Sequential(out, ChannelNorm(channels, centred))

    def forward(self, x: Images) -> Images:
        batch, _, height, width = x.shape
        qkv = self.to_qkv(self.norm(x))
        q, k, v = qkv.reshape(batch, 3, self.heads, self.size, height * width).unbind(1)
        if self.mem_kv is not None:
            kept = self.mem_kv.transpose(2, 3) if self.full else self.mem_kv
            kept = kept.to(k.dtype)[:, None].expand(-1, batch, -1, -1, -1)
            k, v = torch.cat([kept[0], k], dim=-1), torch.cat([kept[1], v], dim=-1)
        scale = self.size**-0.5
        if self.full:
            weights = (q.transpose(2, 3) * scale @ k).softmax(-1).to(v.dtype)
            answer = v @ weights.transpose(2, 3)
        else:
            if self.centred:  # the releases with this norm
                v = v / (height * width)
            context = k.softmax(-1).to(v.dtype) @ v.transpose(2, 3)
            answer = context.transpose(2, 3) @ (q.softmax(-2).to(v.dtype) * scale)
        return self.to_out(answer.reshape(batch, -1, height, width))


class LucidUNet(nn.Module):
    """F(x; index) with the parameter names and shapes of the checkpoints.

    Level i has side `side >> i`; it answers `width * multipliers[i]` channels and works in those of
    the level before it (`first` for level 0). Attention of level i has `heads[i]` heads of
    `head_widths[i]` channels, and is full where `full[i]`, else linear.

    `forward(x, c_noise, class_labels, augment_labels)`: x (B, in_channels, H, W); c_noise (B,) or
    (1,), the index of the step; classes and augmentations are not known. With `self_condition` the
    network sees zeros beside x. Returns (B, out_channels, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        multipliers: tuple[int, ...],
        first: int,
        full: tuple[bool, ...],
        heads: tuple[int, ...],
        head_widths: tuple[int, ...],
        memory: bool,
        normalization: str,
        self_condition: bool,
    ) -> None:
        super().__init__()
        self.width, self.self_condition = width, self_condition
        widths = [first or width, *(width * multiplier for multiplier in multipliers)]
        levels = range(len(multipliers))
        self.init_conv = nn.Conv2d(in_channels * (1 + self_condition), widths[0], 7, padding=3)
        self.time_mlp = nn.Sequential(
            nn.Identity(), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, 4 * width)
        )

        def block(inputs: int, outputs: int) -> nn.Module:
            return LucidBlock(inputs, outputs, 4 * width, normalization)

        def attending(channels: int, level: int, always: bool = False) -> nn.Module:
            centred, is_full = normalization == "standardized", always or full[level]
            return LucidAttention(
                channels, heads[level], head_widths[level], is_full, memory, centred
            )

        def resampling(inputs: int, outputs: int, level: int, last: int, up: bool) -> nn.Module:
            if level == last:
                return nn.Conv2d(inputs, outputs, 3, padding=1)
            if up:
                conv = nn.Conv2d(inputs, outputs, 3, padding=1)
                return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), conv)
            return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * inputs, outputs, 1))

        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level in levels:
            inner, outer = widths[level], widths[level + 1]
            step = [block(inner, inner), block(inner, inner), attending(inner, level)]
            step.append(resampling(inner, outer, level, levels[-1], up=False))
            self.downs.append(nn.ModuleList(step))
        self.mid_block1 = block(widths[-1], widths[-1])
        self.mid_attn = attending(widths[-1], levels[-1], always=True)
        self.mid_block2 = block(widths[-1], widths[-1])
        for level in reversed(levels):
            inner, outer = widths[level], widths[level + 1]
            step = [block(inner + outer, outer), block(inner + outer, outer)]
            step += [attending(outer, level), resampling(outer, inner, level, 0, up=True)]
            self.ups.append(nn.ModuleList(step))
        self.final_res_block = block(2 * widths[0], widths[0])
        self.final_conv = nn.Conv2d(widths[0], out_channels, 1)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> NewImages:
        if self.self_condition:
            x = torch.cat([torch.zeros_like(x), x], dim=1)
        x = beginning = self.init_conv(x)
        embedding = self.time_mlp(self.waves(c_noise))
        skips: list[Tensor] = []
        for block1, block2, attention, down in self.downs:  # type: ignore[misc]
            x = block1(x, embedding)
            skips.append(x)
            x = block2(x, embedding)
            x = attention(x) + x
            skips.append(x)
            x = down(x)
        x = self.mid_block1(x, embedding)
        x = self.mid_attn(x) + x
        x = self.mid_block2(x, embedding)
        for block1, block2, attention, up in self.ups:  # type: ignore[misc]
            x = block1(torch.cat([x, skips.pop()], dim=1), embedding)
            x = block2(torch.cat([x, skips.pop()], dim=1), embedding)
            x = up(attention(x) + x)
        x = self.final_res_block(torch.cat([x, beginning], dim=1), embedding)
        return self.final_conv(x)

    def waves(self, index: Tensor) -> Tensor:
        """Of the index in float32, as in training: at index 999 their last digit matters."""
        half = self.width // 2
        places = torch.arange(half, dtype=torch.float32, device=index.device)
        angles = index.float()[:, None] * (places * -(math.log(PERIOD) / (half - 1))).exp()
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        return waves.to(next(self.time_mlp.parameters()).dtype)
