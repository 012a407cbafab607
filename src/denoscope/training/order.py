"""Which pictures step k sees, and with which random numbers: functions of (seed, step) alone.

Nothing is carried from one step to the next, so a run killed at any moment and resumed draws what
an unbroken one would have drawn.
"""

from functools import lru_cache

import numpy as np
import torch

__all__ = ["batch_indices", "step_generator"]


@lru_cache(maxsize=2)
def _epoch(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence((seed, 1, epoch)))
    ).permutation(n)


def batch_indices(first: int, batch: int, n: int, seed: int) -> torch.Tensor:
    """Places first .. first + batch - 1 of an endless stream of shuffled epochs of n pictures.

    Every picture is seen once in each run of n places, also where the batch is larger than n.
    """
    places = np.arange(first, first + batch)
    indices = [_epoch(n, seed, int(e))[p] for e, p in zip(places // n, places % n, strict=True)]
    return torch.as_tensor(np.asarray(indices, dtype=np.int64))


def step_generator(seed: int, step: int, process: int = 0) -> torch.Generator:
    """The generator of one step's levels, noise and flips; its seed is that of one process's dropout."""
    state = np.random.SeedSequence((seed, 2, step, process)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
