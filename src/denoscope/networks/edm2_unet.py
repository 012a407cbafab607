"""The magnitude-preserving U-Net of EDM2 (Karras et al. 2024, arXiv 2312.02696, figure 21).

Every layer keeps the expected magnitude of its input, by design instead of by normalization: weights
are used at unit norm, sums and concatenations are rescaled, and nothing has a bias. Equations below
are those of the paper. Names and shapes of the parameters are those of its published networks.

The forced normalization of weights (eq. 66) is a step of the training, which is not done here; a
forward pass sees weights normalized either way.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import Embedding, Images, NewImages

__all__ = ["EDM2UNet"]

EPSILON = 1e-4  # added to a magnitude that divides
SILU_MAGNITUDE = 0.596  # of SiLU at unit normal input


def unit(x: Tensor, dims: Sequence[int]) -> Tensor:
    """x over its root mean square along `dims`, plus a little (eq. 30 and 47), summed in float32 or finer."""
    fine = torch.promote_types(x.dtype, torch.float32)
    norm = torch.linalg.vector_norm(x, dim=dims, keepdim=True, dtype=fine)
    magnitude = norm / math.sqrt(math.prod(x.shape[dim] for dim in dims))
    return x / (magnitude + EPSILON).to(x.dtype)


def mp_silu(x: Tensor) -> Tensor:
    """Eq. 81."""
    return functional.silu(x) / SILU_MAGNITUDE


def mp_sum(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(1 - t) a + t b at the magnitude of a and b, t the share of b (eq. 88)."""
    return (a + share * (b - a)) / math.hypot(1 - share, share)


def mp_cat(a: Tensor, b: Tensor, share: float) -> Tensor:
    """a and b side by side, each contributing by its share whatever its channels (eq. 103)."""
    total = math.sqrt((a.shape[1] + b.shape[1]) / ((1 - share) ** 2 + share**2))
    weights = total * (1 - share) / math.sqrt(a.shape[1]), total * share / math.sqrt(b.shape[1])
    return torch.cat([weights[0] * a, weights[1] * b], dim=1)


def resampled(x: Images, resample: str, taps: tuple[float, ...]) -> NewImages:
    """x halved ("down") or doubled ("up") by the separable filter, of sum 1; otherwise as it is."""
    if not resample:
        return x
    line = torch.tensor(taps, dtype=torch.float64) / sum(taps)
    kernel = line.outer(line).to(x).expand(x.shape[1], 1, -1, -1)
    pad, groups = (len(taps) - 1) // 2, x.shape[1]
    if resample == "down":
        return functional.conv2d(x, kernel, stride=2, padding=pad, groups=groups)
    return functional.conv_transpose2d(x, 4 * kernel, stride=2, padding=pad, groups=groups)


class MPConv(nn.Module):
    """A matrix (kernel 0) or a convolution whose units have unit norm (eq. 47 and 66), without bias."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        sides = (kernel, kernel) if kernel else ()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, *sides))

    def forward(self, x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        fine = torch.promote_types(self.weight.dtype, torch.float32)
        weight = unit(self.weight.to(fine), tuple(range(1, self.weight.ndim)))
        weight = (weight * (gain / math.sqrt(weight[0].numel()))).to(x.dtype)
        if weight.ndim == 2:
            return x @ weight.t()
        return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)


class MPFourier(nn.Module):
    """sqrt(2) cos(f c + p) with fixed random f and p (eq. 75), in float32."""

    freqs: Tensor
    phases: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 2 * math.pi * torch.randn(features))
        self.register_buffer("phases", 2 * math.pi * torch.rand(features))

    def forward(self, c_noise: Float[Tensor, " rows"]) -> Embedding:
        angles = c_noise.float().outer(self.freqs.float()) + self.phases.float()
        return math.sqrt(2) * angles.cos()


class EDM2Block(nn.Module):
    """A residual block, which the embedding scales, and attention behind it (figure 21).

    On the way down ("enc") the block's input is brought to unit norm at every pixel.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        embedding: int,
        *,
        down: bool,
        resample: str = "",
        heads: int = 0,
        taps: tuple[float, ...],
        block_balance: float,
        attention_balance: float,
        clip: float | None,
    ) -> None:
        super().__init__()
        self.down, self.resample, self.heads, self.taps = down, resample, heads, taps
        self.block_balance, self.attention_balance = block_balance, attention_balance
        self.clip = clip
        self.emb_gain = nn.Parameter(torch.zeros([]))
        self.conv_res0 = MPConv(outputs if down else inputs, outputs, 3)
        self.emb_linear = MPConv(embedding, outputs, 0)
        self.conv_res1 = MPConv(outputs, outputs, 3)
        self.conv_skip = MPConv(inputs, outputs, 1) if inputs != outputs else None
        self.attn_qkv = MPConv(outputs, 3 * outputs, 1) if heads else None
        self.attn_proj = MPConv(outputs, outputs, 1) if heads else None

    def forward(self, x: Images, embedding: Embedding) -> NewImages:
        x = resampled(x, self.resample, self.taps)
        if self.down:
            x = unit(x if self.conv_skip is None else self.conv_skip(x), [1])
        scale = self.emb_linear(embedding, self.emb_gain) + 1
        y = mp_silu(self.conv_res0(mp_silu(x)) * scale[:, :, None, None])
        y = self.conv_res1(y)
        if not self.down and self.conv_skip is not None:
            x = self.conv_skip(x)
        x = mp_sum(x, y, self.block_balance)
        if self.attn_qkv is not None and self.attn_proj is not None:
            y = self.attn_proj(attended(self.attn_qkv(x), self.heads))
            x = mp_sum(x, y, self.attention_balance)
        return x if self.clip is None else x.clamp(-self.clip, self.clip)


def attended(qkv: Images, heads: int) -> NewImages:
    """Attention over the pixels, of queries, keys and values at unit norm (cosine attention).

    The three stand together at each channel: (B, heads, size, 3, pixels). In plain products, which
    can be differentiated in every mode.
    """
    batch, channels, height, width = qkv.shape
    parts = qkv.reshape(batch, heads, channels // (3 * heads), 3, height * width)
    q, k, v = unit(parts, [2]).unbind(3)
    weights = (q.transpose(2, 3) @ (k / math.sqrt(q.shape[2]))).softmax(3).to(v.dtype)
    return (v @ weights.transpose(2, 3)).reshape(batch, channels // 3, height, width)


class EDM2UNet(nn.Module):
    """F(x; c_noise) with the parameter names and shapes of the published networks.

    Levels have sides `resolution >> level` and `width * multipliers[level]` channels, with `blocks`
    blocks each on the way down and one more on the way up. Blocks attend where their side is in
    `attention`, and always the first of the bottom. The other settings are those of `EDM2Layout`.

    `forward(x, c_noise, class_labels, augment_labels)`: x (B, channels, H, W); c_noise (B,) or (1,);
    class labels, one row of `label_dim` numbers a picture (one-hot, none: zeros); augmentations are
    not known. Returns (B, channels, H, W).
    """

    def __init__(
        self,
        resolution: int,
        channels: int,
        *,
        width: int,
        multipliers: tuple[int, ...],
        blocks: int,
        attention: tuple[int, ...],
        label_dim: int,
        noise_features: int,
        embedding: int,
        head_width: int,
        label_balance: float,
        concat_balance: float,
        **shared: object,
    ) -> None:
        super().__init__()
        widths = [width * multiplier for multiplier in multipliers]
        noise_features, embedding = noise_features or widths[0], embedding or max(widths)
        self.label_balance, self.concat_balance = label_balance, concat_balance
        self.out_gain = nn.Parameter(torch.zeros([]))
        self.emb_fourier = MPFourier(noise_features)
        self.emb_noise = MPConv(noise_features, embedding, 0)
        self.emb_label = MPConv(label_dim, embedding, 0) if label_dim else None

        def block(inputs: int, outputs: int, attends: bool = False, **kind: object) -> nn.Module:
            heads = outputs // head_width if attends else 0
            return EDM2Block(inputs, outputs, embedding, heads=heads, **shared, **kind)  # type: ignore[arg-type]

        encoder: dict[str, nn.Module] = {}
        inputs, skips = channels + 1, []
        for level, outputs in enumerate(widths):
            side = resolution >> level
            if level:
                first = block(inputs, inputs, down=True, resample="down")
                encoder[f"{side}x{side}_down"] = first
            else:
                encoder[f"{side}x{side}_conv"] = MPConv(inputs, outputs, 3)
                inputs = outputs
            skips.append(inputs)
            for index in range(blocks):
                made = block(inputs, outputs, side in attention, down=True)
                encoder[f"{side}x{side}_block{index}"], inputs = made, outputs
                skips.append(inputs)
        decoder: dict[str, nn.Module] = {}
        for level, outputs in reversed(list(enumerate(widths))):
            side = resolution >> level
            if level == len(widths) - 1:
                decoder[f"{side}x{side}_in0"] = block(inputs, inputs, True, down=False)
                decoder[f"{side}x{side}_in1"] = block(inputs, inputs, down=False)
            else:
                first = block(inputs, inputs, down=False, resample="up")
                decoder[f"{side}x{side}_up"] = first
            for index in range(blocks + 1):
                made = block(inputs + skips.pop(), outputs, side in attention, down=False)
                decoder[f"{side}x{side}_block{index}"], inputs = made, outputs
        self.enc, self.dec = nn.ModuleDict(encoder), nn.ModuleDict(decoder)
        self.out_conv = MPConv(inputs, channels, 3)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Float[Tensor, "label_rows label"] | None = None,
        augment_labels: Tensor | None = None,
    ) -> Images:
        embedding = self.embedded(c_noise, class_labels, x.dtype)
        x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        skips: list[Tensor] = []
        for name, layer in self.enc.items():
            x = layer(x) if name.endswith("conv") else layer(x, embedding)
            skips.append(x)
        for name, layer in self.dec.items():
            if "block" in name:
                x = mp_cat(x, skips.pop(), self.concat_balance)
            x = layer(x, embedding)
        return self.out_conv(x, self.out_gain)

    def embedded(self, c_noise: Tensor, labels: Tensor | None, dtype: torch.dtype) -> Tensor:
        embedding = self.emb_noise(self.emb_fourier(c_noise).to(dtype))
        if self.emb_label is not None:
            told = torch.zeros_like(embedding)
            if labels is not None:
                told = self.emb_label(labels.to(dtype) * math.sqrt(labels.shape[1]))
            embedding = mp_sum(embedding, told, self.label_balance)
        return mp_silu(embedding)
