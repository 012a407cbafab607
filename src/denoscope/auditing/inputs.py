"""What the denoisers are shown: noisy training pictures, noisy held-out pictures, noise alone.

The noise of a picture depends on (seed, kind, picture id) only: one draw serves every level and every
denoiser, so comparisons are paired, and errors at different levels are correlated.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser
from denoscope.errors import InputError
from denoscope.images import Pictures, split_permutation
from denoscope.noise import noise

__all__ = ["InputBatch", "check_sets", "chosen", "input_batches", "rows_at_once"]


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
    batch: int | None = None,
) -> Iterator[InputBatch]:
    """The first `count` pictures of a kind (or draws of noise), in batches of an even number.

    batch: by default as many as the closed forms take at once, `rows_at_once`.
    """
    batch = rows_at_once(shape) if batch is None else max(2, batch - batch % 2)
    for start in range(0, count, batch):
        places = range(start, min(start + batch, count))
        if pictures is None:
            ids, x0 = list(places), torch.zeros(len(places), *shape)
        else:
            index = torch.tensor(places)
            ids, x0 = pictures.ids[index].tolist(), pictures.floats(index)
        yield InputBatch(kind, ids, x0, noise(ids, shape, seed=seed, stream=kind))


def rows_at_once(shape: tuple[int, int, int]) -> int:
    """Pictures that pass through the closed forms together, 32 to 256: each such pass reads all data.

    About 2^20 values, of which there are ten levels in float64: 80 MB.
    """
    return min(256, max(32, (1 << 20) // math.prod(shape) // 2 * 2))


def chosen(pictures: Pictures, count: int, seed: int) -> Pictures:
    """`count` of the pictures (or all), a function of the set's size and the seed.

    The first pictures of a folder may all be of one class.
    """
    return pictures.take(split_permutation(len(pictures), seed)[:count])


def check_sets(denoiser: Denoiser, train: Pictures, held_out: Pictures | None) -> None:
    """Raises InputError where the sets do not fit the denoiser, each other, or a measurement."""
    shape = tuple(denoiser.spec.shape)
    for name, one in (("training", train), ("held-out", held_out)):
        if one is not None and tuple(one.shape) != shape:
            raise InputError(
                f"the model takes pictures of shape {shape}, the {name} pictures have "
                f"{tuple(one.shape)}: "
                "open the data with the size the model was trained at"
            )
        if one is not None and len(one.ids.unique()) < len(one):
            raise InputError(
                f"the {name} set holds a picture id twice: ids key the noise and the tables; "
                "build the set with Pictures.from_tensor, which numbers them"
            )
    if held_out is not None and held_out.scale != train.scale:
        raise InputError(
            "training and held-out sets are not of one kind (uint8, or latents of one scale): "
            "open both in the same way"
        )
    if len(train) < 2:
        raise InputError(f"{len(train)} training pictures given: an audit needs 2 or more")
