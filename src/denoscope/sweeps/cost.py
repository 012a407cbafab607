"""What a network costs: seconds of one thread of the reference machine, for estimates.

Counted, not timed: multiplications and additions of one picture, and how many parts a call goes
through. The rates were measured on one thread of a two-core x86-64 server; another machine differs
by a factor that is the same for all tasks.
"""

from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from denoscope.networks import NetworkSettings, build_network

__all__ = ["RATE", "evaluation_seconds", "step_seconds"]

RATE = 6.5e10  # floating-point operations a second in large convolutions
TRAINED = 3  # a step is a forward pass and a backward one of twice its work
CALL, CALL_TRAINED = 2.5e-4, 5e-4  # seconds a layer, whatever its size
UPDATE = 5e-8  # seconds a weight, Adam and the average


def step_seconds(settings: NetworkSettings, batch: int) -> float:
    """One step of training on `batch` pictures."""
    operations, layers, weights = _counted(settings)  # type: ignore[arg-type]
    return TRAINED * batch * operations / RATE + layers * CALL_TRAINED + weights * UPDATE


def evaluation_seconds(settings: NetworkSettings, batch: int = 64) -> float:
    """One picture, denoised in batches."""
    operations, layers, _ = _counted(settings)  # type: ignore[arg-type]
    return operations / RATE + layers * CALL / batch


@cache
def _counted(settings: NetworkSettings) -> tuple[int, int, int]:
    """(operations for one picture, layers, weights), without allocating any."""
    with torch.device("meta"):
        network = build_network(settings)
        x, sigma = torch.empty(1, *settings.shape), torch.empty(1)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(x, sigma)
    layers = sum(1 for module in network.modules() if not any(module.children()))
    return counter.get_total_flops(), layers, sum(p.numel() for p in network.parameters())
