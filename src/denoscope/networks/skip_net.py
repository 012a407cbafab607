"""Skip-Net: the deliberately simple U-Net of DAE-Skip (Li et al. 2024, appendix G.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import Images, NewImages

SLOPE = 0.2  # of the leaky ReLU below 0
SKIP_SHARE = 4  # a skip connection has a quarter of its level's channels


class ConvUnit(nn.Sequential):
    """Convolution of odd kernel size, zero-padded; batch norm; leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(SLOPE),
        )


class SkipNet(nn.Module):
    """F(x): a U-Net of convolutions, batch norm and leaky ReLU alone; blind to the noise level.

    Level k has side `resolution >> k` and `width * multipliers[k]` channels. On the way down each
    level has `blocks` units, the first of which halves the picture by its stride; on the way up the
    smaller level, each pixel repeated, joins what a 1x1 unit let pass from the same level of the
    way down, and `blocks` units follow. A last 1x1 convolution gives the picture. There is no
    attention, no embedding and no residual connection.

    The running statistics of the batch norm are part of the weights: trained with the statistics
    of each batch, evaluated with the running ones, where a picture does not depend on its batch.

    `forward(x, c_noise, class_labels, augment_labels)` looks at x (B, in_channels, H, W) alone;
    c_noise and labels are there because every network is called so. Returns
    (B, out_channels, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        multipliers: tuple[int, ...] = (1, 2, 2),
        blocks: int = 2,
    ) -> None:
        super().__init__()
        widths = [width * multiplier for multiplier in multipliers]
        self.enc = nn.ModuleList()
        self.skips = nn.ModuleList()
        channels = in_channels
        for level, outputs in enumerate(widths):
            first = ConvUnit(channels, outputs, stride=2 if level else 1)
            rest = [ConvUnit(outputs, outputs) for _ in range(blocks - 1)]
            self.enc.append(nn.Sequential(first, *rest))
            channels = outputs
            if level < len(widths) - 1:
                self.skips.append(ConvUnit(outputs, outputs // SKIP_SHARE, kernel=1))

        self.dec = nn.ModuleList()  # from the smallest level but one to full size
        for outputs in reversed(widths[:-1]):
            first = ConvUnit(channels + outputs // SKIP_SHARE, outputs)
            rest = [ConvUnit(outputs, outputs) for _ in range(blocks - 1)]
            self.dec.append(nn.Sequential(first, *rest))
            channels = outputs
        self.out = nn.Conv2d(channels, out_channels, 1)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> NewImages:
        passed: list[Tensor] = []
        for level, layer in enumerate(self.enc):
            x = layer(x)
            if level < len(self.skips):
                passed.append(self.skips[level](x))
        for layer in self.dec:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = layer(torch.cat([x, passed.pop()], dim=1))
        return self.out(x)
