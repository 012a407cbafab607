"""DDPM++ and NCSN++ of Song et al. 2021 (arXiv 2011.13456), as configured by Karras et al. 2022."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import (
    Dense,
    FourierEmbedding,
    GroupNorm,
    Images,
    PositionalEmbedding,
    ResamplingConv,
    UniformInit,
)
from denoscope.networks.residual_block import BlockStyle, ResidualBlock


class SongUNet(nn.Module):
    """The U-Net F(x; c_noise) of DDPM++ and NCSN++ (Song et al. 2021, section 4.4 and appendix H).

    DDPM++ has the positional embedding, the standard encoder and the filter (1, 1); NCSN++ has the
    Fourier embedding (twice as wide), the residual encoder, in which a filtered copy of the input
    joins at every level, and the filter (1, 3, 3, 1). Both in the form of Karras et al. 2022,
    appendix F, with its parameter names and shapes.

    Levels have sides `resolution >> level` and `width * multipliers[level]` channels, with `blocks`
    residual blocks each on the way down and one more on the way up. Self-attention (one head)
    follows the blocks of the encoder, and the last of the decoder, whose side is in `attention`,
    and always the first block of the bottom.

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
        width: int = 128,
        multipliers: tuple[int, ...] = (1, 2, 2, 2),
        blocks: int = 4,
        attention: tuple[int, ...] = (16,),
        dropout: float = 0.1,
        label_dim: int = 0,
        augment_dim: int = 0,
        embedding: Literal["positional", "fourier"] = "positional",
        encoder: Literal["standard", "residual"] = "standard",
        taps: tuple[float, ...] = (1, 1),
    ) -> None:
        super().__init__()
        self.label_dim = label_dim
        glorot = UniformInit("mean")
        almost_zero = UniformInit("mean", weight_gain=1e-5)
        style = BlockStyle(
            embedding=4 * width,
            dropout=dropout,
            init=glorot,
            init_last=almost_zero,
            init_attention=UniformInit("mean", weight_gain=math.sqrt(0.2)),
            eps=1e-6,
            skip_scale=math.sqrt(0.5),
            adaptive_scale=False,
            project_resampled=True,
            channels_per_head=None,
            taps=taps,
        )

        if embedding == "positional":
            noise_features = width
            self.map_noise = PositionalEmbedding(noise_features, endpoint=True)
        else:
            noise_features = 2 * width
            self.map_noise = FourierEmbedding(noise_features)
        self.map_label = Dense(label_dim, noise_features, glorot) if label_dim else None
        self.map_augment = (
            Dense(augment_dim, noise_features, glorot, bias=False) if augment_dim else None
        )
        self.map_layer0 = Dense(noise_features, 4 * width, glorot)
        self.map_layer1 = Dense(4 * width, 4 * width, glorot)

        sides = [
            f"{resolution >> level}x{resolution >> level}" for level in range(len(multipliers))
        ]
        attends = [resolution >> level in attention for level in range(len(multipliers))]
        widths = [width * multiplier for multiplier in multipliers]

        self.enc = nn.ModuleDict()
        self.enc[f"{sides[0]}_conv"] = ResamplingConv(in_channels, width, 3, glorot)
        skips = [width]
        channels, pyramid = width, in_channels
        for level, side in enumerate(sides):
            if level:
                self.enc[f"{side}_down"] = ResidualBlock(channels, channels, style, "down")
                skips.append(channels)
                if encoder == "residual":
                    self.enc[f"{side}_aux_residual"] = ResamplingConv(
                        pyramid, channels, 3, glorot, "down", taps, filter_last=True
                    )
                    pyramid = channels
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
                    channels + skips.pop(),
                    widths[level],
                    style,
                    attention=attends[level] and index == blocks,
                )
                channels = widths[level]
        self.dec[f"{sides[0]}_aux_norm"] = GroupNorm(channels, style.eps)
        self.dec[f"{sides[0]}_aux_conv"] = ResamplingConv(channels, out_channels, 3, almost_zero)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Float[Tensor, "label_rows label"] | None = None,
        augment_labels: Float[Tensor, "augment_rows augment"] | None = None,
    ) -> Float[Tensor, "batch out_channel height width"]:
        embedding = self.embedded(c_noise, class_labels, augment_labels)

        skips: list[Tensor] = []
        pyramid = x
        for name, layer in self.enc.items():
            if name.endswith("_aux_residual"):
                x = pyramid = (x + layer(pyramid)) * math.sqrt(0.5)
                skips[-1] = x
            else:
                x = layer(x, embedding) if isinstance(layer, ResidualBlock) else layer(x)
                skips.append(x)

        for name, layer in self.dec.items():
            if "_block" in name:
                x = torch.cat([x, skips.pop()], dim=1)
            if isinstance(layer, ResidualBlock):
                x = layer(x, embedding)
            elif isinstance(layer, GroupNorm):
                x = functional.silu(layer(x))
            else:
                x = layer(x)
        return x

    def embedded(
        self, c_noise: Tensor, class_labels: Tensor | None, augment_labels: Tensor | None
    ) -> Tensor:
        dtype = self.map_layer0.weight.dtype
        cosines, sines = self.map_noise(c_noise)
        embedding = torch.cat([sines, cosines], dim=1).to(dtype)
        if self.map_label is not None:
            if class_labels is None:
                class_labels = embedding.new_zeros(1, self.label_dim)
            # One-hot rows have variance about 1 / label_dim: bring it to 1.
            labels = class_labels.to(dtype) * math.sqrt(self.label_dim)
            embedding = embedding + self.map_label(labels)
        if self.map_augment is not None and augment_labels is not None:
            embedding = embedding + self.map_augment(augment_labels.to(dtype))
        embedding = functional.silu(self.map_layer0(embedding))
        return functional.silu(self.map_layer1(embedding))
