"""The U-Net of guided-diffusion (Dhariwal & Nichol 2021, arXiv 2105.05233), as its checkpoints hold it.

`DhariwalUNet` is the same design in the form of Karras et al. 2022. It differs in what a checkpoint
fixes: groups of the normalization, heads, the order of query, key and value, and how the picture is
halved and doubled, so that it holds some of these checkpoints alone.
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import Embedding, Images, NewImages

GROUPS = 32  # of every group norm
PERIOD = 10000  # 2 pi times it is the slowest wave of the time's embedding


class GuidedUNet(nn.Module):
    """F(x; index) with the parameter names and shapes of the published checkpoints.

    Levels have sides `resolution >> level` and `width * multipliers[level]` channels, with `blocks`
    residual blocks each on the way down and one more on the way up. Self-attention follows the
    blocks whose side is in `attention`, and always the first block of the bottom, with `heads` heads
    or, where `head_width` is given, one for as many channels. The pictures are halved and doubled
    by residual blocks or, with `conv_resampling`, by one convolution; the embedding scales and
    shifts every block or, with `shift_only`, shifts it. With `variance` the network answers twice the
    channels, of which the second half belongs to the sampler's variance. `qkv_first`: the channels
    of qkv are all queries, all keys, all values; otherwise those of one head stand together.

    `forward(x, c_noise, class_labels, augment_labels)`: x (B, in_channels, H, W); c_noise (B,) or
    (1,), the index of the step; class labels, one row of `label_dim` numbers a picture (one-hot;
    none: none is added, which a network with labels was not trained for). Returns
    (B, out_channels, H, W).
    """

    def __init__(
        self,
        resolution: int,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        multipliers: tuple[int, ...],
        blocks: int,
        attention: tuple[int, ...],
        heads: int = 0,
        head_width: int = 0,
        label_dim: int = 0,
        time_features: int = 0,
        conv_resampling: bool = False,
        shift_only: bool = False,
        qkv_first: bool = False,
    ) -> None:
        super().__init__()
        self.time_features = time_features or width
        embedding = 4 * self.time_features
        self.time_embed = nn.Sequential(
            nn.Linear(self.time_features, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.label_emb = nn.Embedding(label_dim, embedding) if label_dim else None

        def block(inputs: int, outputs: int, resample: str = "") -> nn.Module:
            return GuidedBlock(inputs, outputs, embedding, resample, shift_only)

        def attending(channels: int) -> nn.Module:
            return GuidedAttention(
                channels, channels // head_width if head_width else heads, qkv_first
            )

        def resampled(channels: int, resample: str) -> nn.Module:
            if conv_resampling:
                return ConvResampling(channels, resample)
            return block(channels, channels, resample)

        widths = [width * multiplier for multiplier in multipliers]
        attends = [resolution >> level in attention for level in range(len(widths))]
        channels = widths[0]
        steps: list[list[nn.Module]] = [[nn.Conv2d(in_channels, channels, 3, padding=1)]]
        skips = [channels]
        for level, outputs in enumerate(widths):
            if level:
                steps.append([resampled(channels, "down")])
                skips.append(channels)
            for _ in range(blocks):
                steps.append([block(channels, outputs)])
                channels = outputs
                steps[-1] += [attending(channels)] if attends[level] else []
                skips.append(channels)
        self.input_blocks = nn.ModuleList(nn.ModuleList(step) for step in steps)
        self.middle_block = nn.ModuleList(
            [block(channels, channels), attending(channels), block(channels, channels)]
        )
        steps = []
        for level, outputs in reversed(list(enumerate(widths))):
            for index in range(blocks + 1):
                steps.append([block(channels + skips.pop(), outputs)])
                channels = outputs
                steps[-1] += [attending(channels)] if attends[level] else []
                steps[-1] += [resampled(channels, "up")] if level and index == blocks else []
        self.output_blocks = nn.ModuleList(nn.ModuleList(step) for step in steps)
        self.out = nn.Sequential(
            nn.GroupNorm(GROUPS, channels),
            nn.SiLU(),
            nn.Conv2d(channels, out_channels, 3, padding=1),
        )

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Float[Tensor, "label_rows label"] | None = None,
        augment_labels: Tensor | None = None,
    ) -> NewImages:
        embedding = self.embedded(c_noise, class_labels)
        skips: list[Tensor] = []
        for step in self.input_blocks:
            x = followed(step.children(), x, embedding)
            skips.append(x)
        x = followed(self.middle_block.children(), x, embedding)
        for step in self.output_blocks:
            x = followed(step.children(), torch.cat([x, skips.pop()], dim=1), embedding)
        return self.out(x)

    def embedded(self, index: Tensor, class_labels: Tensor | None) -> Tensor:
        """Waves of the index in float32, as in training: at index 999 their last digit matters."""
        half = self.time_features // 2
        places = torch.arange(half, dtype=torch.float32, device=index.device)
        angles = index.float()[:, None] * (-math.log(PERIOD) * places / half).exp()
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)
        if self.time_features % 2:
            waves = functional.pad(waves, (0, 1))
        embedding = self.time_embed(waves.to(next(self.time_embed.parameters()).dtype))
        if self.label_emb is not None and class_labels is not None:
            embedding = embedding + class_labels.to(embedding.dtype) @ self.label_emb.weight
        return functional.silu(embedding)


def followed(steps: Iterable[nn.Module], x: Tensor, embedding: Tensor) -> Tensor:
    """x through one layer after the other, of which the residual blocks are told the embedding."""
    for layer in steps:
        x = layer(x, embedding) if isinstance(layer, GuidedBlock) else layer(x)
    return x


class GuidedBlock(nn.Module):
    """skip(x) + conv(silu(h)), h = (1 + s) norm(conv(silu(norm(x)))) + t, (s, t) affine in the embedding.

    With `shift_only`, h = norm(conv(silu(norm(x))) + t). Halving takes means of 2x2, doubling
    repeats; both come between the first activation and its convolution, and on the skip path.
    """

    def __init__(
        self, inputs: int, outputs: int, embedding: int, resample: str, shift_only: bool
    ) -> None:
        super().__init__()
        self.resample, self.shift_only = resample, shift_only
        self.in_layers = nn.Sequential(
            nn.GroupNorm(GROUPS, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        # The embedding comes activated, once for all blocks: the names leave a place for that.
        told = nn.Linear(embedding, outputs if shift_only else 2 * outputs)
        self.emb_layers = nn.Sequential(nn.Identity(), told)
        self.out_layers = nn.Sequential(
            nn.GroupNorm(GROUPS, outputs),
            nn.SiLU(),
            nn.Identity(),  # dropout, in training
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )
        self.skip_connection = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Images, embedding: Embedding) -> NewImages:
        norm, activation, conv = self.in_layers
        h = conv(sized(activation(norm(x)), self.resample))
        told = self.emb_layers(embedding)[:, :, None, None]
        norm, *rest = self.out_layers
        if self.shift_only:
            h = norm(h + told)
        else:
            scale, shift = told.chunk(2, dim=1)
            h = norm(h) * (1 + scale) + shift
        for layer in rest:
            h = layer(h)
        return self.skip_connection(sized(x, self.resample)) + h


def sized(x: Images, resample: str) -> NewImages:
    """x, halved by means of 2x2 ("down") or with every pixel repeated ("up")."""
    if resample == "down":
        return functional.avg_pool2d(x, 2)
    return functional.interpolate(x, scale_factor=2, mode="nearest") if resample == "up" else x


class ConvResampling(nn.Module):
    """A convolution of stride 2, or one after every pixel is repeated."""

    def __init__(self, channels: int, resample: str) -> None:
        super().__init__()
        self.resample = resample
        if resample == "down":
            self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        else:
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Images) -> NewImages:
        return self.op(x) if self.resample == "down" else self.conv(sized(x, "up"))


class GuidedAttention(nn.Module):
    """x + proj(attention(norm(x))) over the pixels.

    In plain products, which can be differentiated in every mode.
    """

    def __init__(self, channels: int, heads: int, qkv_first: bool) -> None:
        super().__init__()
        self.heads, self.qkv_first = heads, qkv_first
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Images) -> Images:
        batch, channels, height, width = x.shape
        qkv = self.qkv(self.norm(x).flatten(2))
        size = channels // self.heads
        if self.qkv_first:
            q, k, v = qkv.reshape(batch, 3, self.heads, size, height * width).unbind(1)
        else:
            q, k, v = qkv.reshape(batch, self.heads, 3, size, height * width).unbind(2)
        weights = (q.transpose(2, 3) @ (k / math.sqrt(size))).softmax(-1).to(v.dtype)
        answer = (v @ weights.transpose(2, 3)).reshape(batch, channels, height * width)
        return x + self.proj_out(answer).reshape(x.shape)
