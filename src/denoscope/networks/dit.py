"""DiT: the diffusion transformer of Peebles & Xie 2023 (arXiv 2212.09748)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from denoscope.networks.layers import Images, PositionalEmbedding

NOISE_FEATURES = 256
EPS = 1e-6  # of the layer norms

Tokens = Float[Tensor, "batch token feature"]
Condition = Float[Tensor, "rows feature"]  # rows: the batch, or 1 for all


class DiT(nn.Module):
    """The transformer F(x; c_noise) of Peebles & Xie 2023, section 3, with adaLN-Zero blocks.

    The picture is cut into `patch` x `patch` tokens, projected to `width` features and given fixed
    sine and cosine positions; `blocks` blocks of self-attention (`heads` heads) and a perceptron of
    4 width follow, each shifted, scaled and gated by the embedding of noise level and label; the
    last layer projects back. All gates and the last projection start at zero, so F = 0 at first.

    `forward(x, c_noise, class_labels, augment_labels)`: x (B, in_channels, H, W) of side
    `resolution`; c_noise (B,) or (1,); class labels, one row of `label_dim` numbers a picture
    (one-hot; none: zeros); it knows no augmentation. Returns (B, out_channels, H, W).
    """

    positions: Tensor

    def __init__(
        self,
        resolution: int,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 384,
        blocks: int = 12,
        heads: int = 6,
        patch: int = 2,
        label_dim: int = 0,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.across = resolution // patch
        self.map_noise = PositionalEmbedding(NOISE_FEATURES, endpoint=False)
        self.map_layer0 = dense(NOISE_FEATURES, width)
        self.map_layer1 = dense(width, width)
        self.map_label = dense(label_dim, width, bias=False) if label_dim else None
        self.embed = dense(in_channels * patch**2, width)
        self.register_buffer("positions", grid_positions(width, self.across), persistent=False)
        self.blocks = nn.ModuleList(DiTBlock(width, heads) for _ in range(blocks))
        self.out_modulation = zero_dense(width, 2 * width)
        self.out = zero_dense(width, out_channels * patch**2)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Float[Tensor, "label_rows label"] | None = None,
        augment_labels: Tensor | None = None,
    ) -> Float[Tensor, "batch out_channel height width"]:
        condition = self.embedded(c_noise, class_labels)
        tokens = self.embed(self.cut(x)) + self.positions
        for block in self.blocks:
            tokens = block(tokens, condition)
        shift, scale = self.out_modulation(condition).chunk(2, dim=-1)
        return self.joined(self.out(modulated(tokens, shift, scale)))

    def embedded(self, c_noise: Tensor, class_labels: Tensor | None) -> Condition:
        dtype = self.map_layer0.weight.dtype
        features = torch.cat(self.map_noise(c_noise), dim=1).to(dtype)
        condition = self.map_layer1(functional.silu(self.map_layer0(features)))
        if self.map_label is not None and class_labels is not None:
            condition = condition + self.map_label(class_labels.to(dtype))
        return functional.silu(condition)

    def cut(self, x: Images) -> Tokens:
        """(B, C, H, W) -> (B, tokens in rows, C patch^2)."""
        n, p = self.across, self.patch
        return (
            x.unflatten(3, (n, p))
            .unflatten(2, (n, p))
            .permute(0, 2, 4, 1, 3, 5)
            .flatten(3)
            .flatten(1, 2)
        )

    def joined(self, tokens: Tokens) -> Images:
        """The inverse of `cut`."""
        n, p = self.across, self.patch
        grid = tokens.unflatten(2, (-1, p, p)).unflatten(1, (n, n))
        return grid.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


class DiTBlock(nn.Module):
    """x = x + g1 attention(norm(x) (1 + s1) + t1); x = x + g2 perceptron(norm(x) (1 + s2) + t2).

    t, s, g are affine in the embedding and start at zero (adaLN-Zero).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = zero_dense(width, 6 * width)
        self.qkv = dense(width, 3 * width)
        self.proj = dense(width, width)
        self.mlp0 = dense(width, 4 * width)
        self.mlp1 = dense(4 * width, width)

    def forward(self, x: Tokens, condition: Condition) -> Tokens:
        t1, s1, g1, t2, s2, g2 = self.modulation(condition).chunk(6, dim=-1)
        x = x + g1[:, None] * self.proj(self.attended(modulated(x, t1, s1)))
        hidden = functional.gelu(self.mlp0(modulated(x, t2, s2)), approximate="tanh")
        return x + g2[:, None] * self.mlp1(hidden)

    def attended(self, x: Tokens) -> Tokens:
        """Plain products and a softmax: differentiable in every mode, any number of times."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ (k / math.sqrt(k.shape[-1])).transpose(2, 3)).softmax(-1).to(v.dtype)
        return (weights @ v).transpose(1, 2).flatten(2)


def modulated(x: Tokens, shift: Condition, scale: Condition) -> Tokens:
    normed = functional.layer_norm(x, x.shape[-1:], eps=EPS)
    return torch.addcmul(shift[:, None], normed, scale[:, None] + 1)


def dense(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """Glorot weights; the bias starts at zero."""
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def zero_dense(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def grid_positions(width: int, across: int) -> Float[Tensor, "token feature"]:
    """Sines and cosines of row and column, a quarter of the features each; tokens in rows.

    Frequencies 10000^(-k / n), k < n = width / 4 (Vaswani et al. 2017, section 3.5, per axis).
    """
    cosines, sines = PositionalEmbedding(width // 2, endpoint=False)(torch.arange(across).double())
    line = torch.cat([sines, cosines], dim=1).float()
    rows, columns = line[:, None].expand(-1, across, -1), line[None].expand(across, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)
