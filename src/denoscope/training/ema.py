"""Exponential moving average of weights, with its half-life counted in pictures.

    w_ema <- beta w_ema + (1 - beta) w,    beta = 0.5^(batch / half_life)

Early in training the half-life is capped at a share of the pictures seen, or the average would
remember the initialisation (Karras et al. 2022, appendix F.2).
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["RAMP_UP", "ema_decay", "update_ema"]

RAMP_UP = 0.05  # the half-life is never more than this share of the pictures seen


def ema_decay(batch: int, pictures_seen: int, half_life: float) -> float:
    """beta for one step of `batch` pictures; half_life in pictures."""
    capped = min(half_life, pictures_seen * RAMP_UP)
    return 0.5 ** (batch / max(capped, 1e-8))


@torch.no_grad()
def update_ema(average: Mapping[str, Tensor], current: Mapping[str, Tensor], beta: float) -> None:
    """Move `average` towards `current` in place; integer buffers are copied.

    Running statistics of a batch norm are averaged as the weights are, whose activations they describe.
    """
    floats = [name for name, value in average.items() if value.is_floating_point()]
    move = get_ema_multi_avg_fn(
        beta
    )  # all weights in one call: there are hundreds, most of them small
    move([average[name] for name in floats], [current[name] for name in floats], 0)
    for name, value in average.items():
        if not value.is_floating_point():
            value.copy_(current[name])
