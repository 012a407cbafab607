"""The audited network beside the closed forms of its training set, on one device.

The network is timed, checked and asked in batches that suit the device.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import Denoiser, as_sigma
from denoscope.errors import InputError, RunError
from denoscope.images import Pictures

__all__ = ["Bench", "batch_for", "bench_for"]


@dataclass
class Bench:
    """The denoisers under one roof, on one device, and the time the network took."""

    network: Denoiser
    gaussian: GaussianDenoiser
    multi_delta: MultiDeltaDenoiser
    mean: Tensor
    variance: float
    device: torch.device
    batch: int  # pictures in a call of the network
    network_seconds: float = 0.0
    evaluations: int = 0
    on_evaluations: Callable[[int], None] = field(default=lambda n: None)

    def network_at(self, x: Tensor, sigma: float) -> Tensor:
        """The audited model, in batches, timed and checked: RunError on NaN or infinity.

        Where a batch does not fit a GPU's memory, half of it is tried, there and from then on.
        """
        parts, start = [], 0
        while start < len(x):
            part = x[start : start + self.batch]
            try:
                parts.append(self._answer(part, sigma))
                start += len(part)
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
                self.batch = (len(part) + 1) // 2
        return torch.cat(parts)

    def _answer(self, x: Tensor, sigma: float) -> Tensor:
        started = time.perf_counter()
        out = self.network(x, as_sigma(sigma, x))
        if out.shape != x.shape:
            raise InputError(
                f"{self.network.spec.name}: returned {tuple(out.shape)} for {tuple(x.shape)}: "
                "a denoiser returns x's shape"
            )
        finite = bool(torch.isfinite(out).all())  # also waits for the device: the clock is true
        self.network_seconds += time.perf_counter() - started
        self.evaluations += len(x)
        self.on_evaluations(len(x))
        if not finite:
            raise RunError(
                f"{self.network.spec.name} returned values that are not finite at sigma {sigma:g}: "
                "check its weights and its range of levels"
            )
        return out


def bench_for(
    denoiser: Denoiser,
    train: Pictures,
    device: torch.device,
    on_evaluations: Callable[[int], None] = lambda n: None,
    batch: int | None = None,
) -> Bench:
    """The denoiser, on `device` already, beside the closed forms of its training set.

    batch: pictures in a call of the network; `batch_for` where None.
    """
    gaussian = GaussianDenoiser.fit(train)
    variance = float(gaussian.eigenvalues.sum()) / gaussian.mean.numel()
    return Bench(
        network=denoiser,
        gaussian=gaussian.to(device),
        multi_delta=MultiDeltaDenoiser(train).to(device),
        mean=gaussian.mean.float().reshape(train.shape).to(device),
        variance=variance,
        device=device,
        batch=batch or batch_for(train.shape, device),
        on_evaluations=on_evaluations,
    )


def batch_for(shape: tuple[int, int, int], device: torch.device) -> int:
    """Pictures in a call of the network, a function of their size alone: the same run, the same bits.

    On a processor about 2^16 values, 8 to 64 pictures, whose features stay near the cache (a network
    of 28 x 28 pictures took 6.3 ms a picture in batches of 64, 9.2 in batches of 256, 7.2 in batches
    of 16). On a GPU 256, which `Bench.network_at` halves where they do not fit.
    """
    if device.type != "cpu":
        return 256
    fitting = min(64, max(8, (1 << 16) // math.prod(shape)))
    return 1 << (fitting.bit_length() - 1)
