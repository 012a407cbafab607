"""ADM of Dhariwal & Nichol 2021 (arXiv 2105.05233), as configured by Karras et al. 2022."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import (
    Dense,
    GroupNorm,
    Images,
    PositionalEmbedding,
    ResamplingConv,
    UniformInit,
)
from denoscope.networks.residual_block import BlockStyle, ResidualBlock


class DhariwalUNet(nn.Module):
    """The U-Net F(x; c_noise) of ADM (Dhariwal & Nichol 2021, section 3).

    In the form of Karras et al. 2022, appendix F, with its parameter names and shapes. Levels have
    sides `resolution >> level` and `width * multipliers[level]` channels, with `blocks` residual
    blocks each on the way down and one more on the way up. The noise embedding scales and shifts
    every block. Self-attention follows all blocks whose side is in `attention`, and always the
    first block of the bottom, with one head for every 64 channels: fewer than 64 channels have no
    head and so no attention.

    `forward(x, c_noise, class_labels, augment_labels)`: x (B, in_channels, H, W); c_noise (B,) or
    (1,); class labels, one row of `label_dim` numbers a picture (one-hot; none: zeros); augment
    labels (B, augment_dim), left out where the picture is not augmented. Returns
    (B, out_channels, H, W).
    """

    def __init__(
        self,
        resolution: int,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 192,
        multipliers: tuple[int, ...] = (1, 2, 3, 4),
        blocks: int = 3,
        attention: tuple[int, ...] = (32, 16, 8),
        dropout: float = 0.1,
        label_dim: int = 0,
        augment_dim: int = 0,
    ) -> None:
        super().__init__()
        # bound = sqrt(1 / fan_in), torch's own default
        he = UniformInit("in", weight_gain=3**-0.5, bias_gain=3**-0.5)
        zero = UniformInit("in", weight_gain=0)
        style = BlockStyle(
            embedding=4 * width,
            dropout=dropout,
            init=he,
            init_last=zero,
            init_attention=he,
            eps=1e-5,
            skip_scale=1,
            adaptive_scale=True,
            project_resampled=False,
            channels_per_head=64,
        )

        self.map_noise = PositionalEmbedding(width, endpoint=False)
        self.map_augment = Dense(augment_dim, width, zero, bias=False) if augment_dim else None
        self.map_layer0 = Dense(width, 4 * width, he)
        self.map_layer1 = Dense(4 * width, 4 * width, he)
        self.map_label = None
        if label_dim:
            self.map_label = Dense(label_dim, 4 * width, zero, bias=False)
            nn.init.normal_(self.map_label.weight)

        sides = [
            f"{resolution >> level}x{resolution >> level}" for level in range(len(multipliers))
        ]
        attends = [resolution >> level in attention for level in range(len(multipliers))]
        widths = [width * multiplier for multiplier in multipliers]

        channels = widths[0]
        self.enc = nn.ModuleDict()
        self.enc[f"{sides[0]}_conv"] = ResamplingConv(in_channels, channels, 3, he)
        skips = [channels]
        for level, side in enumerate(sides):
            if level:
                self.enc[f"{side}_down"] = ResidualBlock(channels, channels, style, "down")
                skips.append(channels)
            for index in range(blocks):
                self.enc[f"{side}_block{index}"] = ResidualBlock(
                    channels, widths[level], style, attention=attends[level]
                )
                channels = widths[level]
                skips.append(channels)

        self.dec = nn.ModuleDict()
        self.dec[f"{sides[-1]}_in0"] = ResidualBlock(channels, channels, style, attention=True)
        self.dec[f"{sides[-1]}_in1"] = ResidualBlock(channels, channels, style)
        for level, side in reversed(list(enumerate(sides))):
            if level < len(sides) - 1:
                self.dec[f"{side}_up"] = ResidualBlock(channels, channels, style, "up")
            for index in range(blocks + 1):
                self.dec[f"{side}_block{index}"] = ResidualBlock(
                    channels + skips.pop(), widths[level], style, attention=attends[level]
                )
                channels = widths[level]
        self.out_norm = GroupNorm(channels, style.eps)
        self.out_conv = ResamplingConv(channels, out_channels, 3, zero)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Float[Tensor, "label_rows label"] | None = None,
        augment_labels: Float[Tensor, "augment_rows augment"] | None = None,
    ) -> Float[Tensor, "batch out_channel height width"]:
        embedding = self.embedded(c_noise, class_labels, augment_labels)

        skips: list[Tensor] = []
        for layer in self.enc.values():
            x = layer(x, embedding) if isinstance(layer, ResidualBlock) else layer(x)
            skips.append(x)

        for name, layer in self.dec.items():
            if "_block" in name:
                x = torch.cat([x, skips.pop()], dim=1)
            x = layer(x, embedding)
        return self.out_conv(functional.silu(self.out_norm(x)))

    def embedded(
        self, c_noise: Tensor, class_labels: Tensor | None, augment_labels: Tensor | None
    ) -> Tensor:
        dtype = self.map_layer0.weight.dtype
        embedding = torch.cat(self.map_noise(c_noise), dim=1).to(dtype)
        if self.map_augment is not None and augment_labels is not None:
            embedding = embedding + self.map_augment(augment_labels.to(dtype))
        embedding = self.map_layer1(functional.silu(self.map_layer0(embedding)))
        if self.map_label is not None and class_labels is not None:
            embedding = embedding + self.map_label(class_labels.to(dtype))
        return functional.silu(embedding)
