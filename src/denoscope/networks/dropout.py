"""Dropout whose mask is cheap to draw on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_generators: ContextVar[tuple[torch.Generator | None, ...]] = ContextVar(
    "_generators", default=(None,)
)


@contextmanager
def masks_from(*generators: torch.Generator) -> Iterator[None]:
    """In this thread the masks of equal parts of a batch come from one generator each (on the CPU)."""
    before = _generators.set(generators)
    try:
        yield
    finally:
        _generators.reset(before)


def dropout(x: Float[Tensor, "..."], probability: float) -> Float[Tensor, "..."]:
    """x with each element zeroed with the given probability, the others scaled to keep the mean.

    torch draws one generator call and one logarithm an element, on a CPU as dear as the
    convolution that follows; here one 64-bit draw serves four elements, 16 bits each. The
    probability is rounded to a multiple of 2^-16, and the scale is that of the rounded one.
    Other devices use torch's own.
    """
    if not probability:
        return x
    if x.device.type != "cpu":
        return functional.dropout(x, probability)
    dropped = min(round(probability * 2**16), 2**16 - 1)
    last_dropped = dropped - 2**15 - 1  # 16-bit integers up to this one mean: dropped
    generators = _generators.get()
    parts = zip(x.chunk(len(generators)), generators, strict=False)  # fewer where rows are few
    bits = torch.cat([_bits(part.numel(), of) for part, of in parts]).view(x.shape)
    # Integer arithmetic instead of a comparison: booleans are slow to convert.
    kept = bits.clamp(last_dropped, last_dropped + 1) - last_dropped
    return x * (kept.to(x.dtype) * (2**16 / (2**16 - dropped)))


def _bits(count: int, generator: torch.Generator | None) -> Tensor:
    """`count` random 16-bit integers."""
    draws = torch.empty((count + 3) // 4, dtype=torch.int64)
    return draws.random_(-(2**63), None, generator=generator).view(torch.int16)[:count]
