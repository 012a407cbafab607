"""Dropout whose mask is cheap to draw on a CPU."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


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
    count = x.numel()
    dropped = min(round(probability * 2**16), 2**16 - 1)
    last_dropped = dropped - 2**15 - 1  # 16-bit integers up to this one mean: dropped
    draws = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[:count].view(x.shape)
    # Integer arithmetic instead of a comparison: booleans are slow to convert.
    kept = bits.clamp(last_dropped, last_dropped + 1) - last_dropped
    return x * (kept.to(x.dtype) * (2**16 / (2**16 - dropped)))
