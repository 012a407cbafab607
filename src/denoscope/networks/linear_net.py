"""The affine network W x + b: DAE-Linear of Li et al. 2024 (appendix G.2)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from denoscope.networks.layers import Images


class LinearNet(nn.Module):
    """F(x) = W x + b over the d = C H W values of a picture; blind to the noise level.

    Trained at one level without preconditioning, its only optimum is the Gaussian denoiser of the
    training pictures (Li et al. 2024, theorem 1). The problem is convex, so the start does not
    matter: W = 0 and b = 0.

    `forward(x, c_noise, class_labels, augment_labels)` looks at x (B, C, H, W) alone; c_noise and
    labels are there because every network is called so.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        d = math.prod(shape)
        self.linear = nn.Linear(d, d)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self,
        x: Images,
        c_noise: Float[Tensor, " rows"],
        class_labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Images:
        return torch.unflatten(self.linear(x.flatten(1)), 1, x.shape[1:])
