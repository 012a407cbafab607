"""What the denoisers are shown: noisy training pictures, noisy held-out pictures, noise alone.

The noise of a picture depends on (seed, kind, picture id) only: one draw serves every level and every
denoiser, so comparisons are paired, and errors at different levels are correlated.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.images import Pictures
from denoscope.noise import noise

__all__ = ["InputBatch", "input_batches"]


@dataclass(frozen=True)
class InputBatch:
    """One kind of input: x = x0 + sigma eps, with x0 = 0 for noise alone.

    kind: "train", "held_out" or "noise". ids: picture ids, or draw numbers. x0, eps: (B, C, H, W).
    Rows 2i and 2i + 1 are the pair i of the linearity score; an odd last row has no partner.
    """

    kind: str
    ids: list[int]
    x0: Tensor
    eps: Tensor

    def at(self, sigma: float) -> Tensor:
        """x at one level."""
        return self.x0 + sigma * self.eps


def input_batches(
    kind: str,
    pictures: Pictures | None,
    count: int,
    shape: tuple[int, int, int],
    *,
    seed: int,
    batch: int,
) -> Iterator[InputBatch]:
    """The first `count` pictures of a kind (or draws of noise), in batches of an even number."""
    batch = max(2, batch - batch % 2)
    for start in range(0, count, batch):
        places = range(start, min(start + batch, count))
        if pictures is None:
            ids, x0 = list(places), torch.zeros(len(places), *shape)
        else:
            index = torch.tensor(places)
            ids, x0 = pictures.ids[index].tolist(), pictures.floats(index)
        yield InputBatch(kind, ids, x0, noise(ids, shape, seed=seed, stream=kind))
