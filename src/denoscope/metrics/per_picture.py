"""One picture a row: how every metric reads its tensors."""

import torch
from torch import Tensor

from denoscope.errors import InputError

__all__ = ["rows"]


def rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Each tensor (B, ...) as float64 (B, d), one picture a row; all must have one shape.

    Metrics sum over thousands of pixels: float64 keeps what they compare above the rounding.
    Raises InputError where shapes differ or there is no picture axis.
    """
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) != 1:
        given = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise InputError(f"pictures of shapes {given} compared; give tensors of one shape")
    if tensors[0].ndim < 2:
        raise InputError(
            f"pictures of shape {tuple(tensors[0].shape)} given; give one a row, (B, C, H, W)"
        )
    # MPS knows no float64
    placed = [tensor.cpu() if tensor.device.type == "mps" else tensor for tensor in tensors]
    return tuple(tensor.detach().to(torch.float64).flatten(1) for tensor in placed)
