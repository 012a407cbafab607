"""Noise levels and noise.

Levels follow Karras et al. 2022, eq. 5:

    sigma_i = (sigma_max^(1/rho) + i/(n-1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho,  i = 0 .. n-1

Noise is drawn by a counter-based generator (Philox) on the CPU, keyed by nothing but
(seed, stream, number): the noise of picture 17 is the same in any batch, in any order, on any
device, at every level and for every denoiser. Comparisons are therefore paired, and a resumed run
equals an unbroken one. The price: errors at different levels share their noise, so they are
correlated across levels; reports say so.
"""

import zlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from denoscope.errors import InputError

__all__ = ["karras_levels", "noise"]


def karras_levels(
    n: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0
) -> Tensor:
    """The n levels of the Karras grid, from sigma_max down to sigma_min, float64 (n,).

    >>> [round(s, 3) for s in karras_levels(10).tolist()]
    [80.0, 42.415, 21.109, 9.723, 4.066, 1.502, 0.47, 0.117, 0.02, 0.002]
    """
    if n < 1:
        raise InputError(f"{n} noise levels asked; give 1 or more")
    if not 0 < sigma_min <= sigma_max < float("inf"):
        raise InputError(
            f"sigma_min {sigma_min:g}, sigma_max {sigma_max:g}: give 0 < sigma_min <= sigma_max "
            "< inf"
        )
    if n == 1:
        return torch.tensor([sigma_max], dtype=torch.float64)
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    levels = (high + ramp * (low - high)) ** rho
    levels[0], levels[-1] = sigma_max, sigma_min  # exact at the ends, whatever the powers round to
    return levels


def noise(numbers: Iterable[int], shape: tuple[int, ...], *, seed: int, stream: str) -> Tensor:
    """Standard normal noise, float32 (len(numbers), *shape), on the CPU.

    numbers: picture ids or draw numbers. stream: what the noise is for ("train", "held_out",
    "noise", "sample", ...); two streams never share noise. Row i depends on
    (seed, stream, numbers[i]) alone.
    """
    numbers = list(numbers)
    out = np.empty((len(numbers), *shape), dtype=np.float32)
    tag = zlib.crc32(stream.encode())
    for row, number in zip(out, numbers, strict=True):
        key = np.random.SeedSequence(entropy=(seed, tag, int(number))).generate_state(2, np.uint64)
        np.random.Generator(np.random.Philox(key=key)).standard_normal(out=row, dtype=np.float32)
    return torch.from_numpy(out)
