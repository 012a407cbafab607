"""What is asked of a model that somebody else wrote, and how it is told when it falls short."""

from collections.abc import Callable

import torch
from torch import Tensor

from denoscope.errors import InputError

__all__ = ["Model", "check_answer", "check_model", "check_shape", "dtype_of"]

Model = Callable[[Tensor, Tensor], Tensor]
"""(x_t, t) -> prediction."""


def check_model(model: object) -> None:
    """Raises InputError for what cannot be called, and for a module in training mode.

    Dropout and batch statistics would make its answer depend on chance and on the other pictures of
    a batch. The module is the user's: it is not switched behind their back.
    """
    if not callable(model):
        raise InputError(f"model is a {type(model).__name__}: give a callable, model(x, t)")
    if isinstance(model, torch.nn.Module) and model.training:
        raise InputError(
            f"{type(model).__name__} is in training mode, where dropout and batch norm depend on "
            "chance and batch: call model.eval() first"
        )


def dtype_of(model: object, x: Tensor) -> torch.dtype:
    """What the model is called in: a module's own parameters' dtype, else x's."""
    if isinstance(model, torch.nn.Module):
        return next((p.dtype for p in model.parameters() if p.is_floating_point()), x.dtype)
    return x.dtype


def check_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """(C, H, W) as plain integers. Raises InputError for anything else."""
    sizes = tuple(shape)
    if len(sizes) != 3 or not all(int(size) == size > 0 for size in sizes):
        raise InputError(f"shape={sizes}: give (C, H, W), three positive integers")
    return int(sizes[0]), int(sizes[1]), int(sizes[2])


def check_answer(name: str, answer: object, x: Tensor) -> None:
    """Raises InputError where a model's answer to x is no tensor of x's shape."""
    if not isinstance(answer, Tensor):
        hint = "lambda x, t: model(x, t)" + (".sample" if hasattr(answer, "sample") else "[0]")
        raise InputError(
            f"{name}: the model answered {type(answer).__name__}, not a tensor: wrap it, e.g. {hint}"
        )
    if answer.shape != x.shape:
        more = answer.ndim == 4 and answer.shape[1] == 2 * x.shape[1]
        hint = (
            f"if it also predicts a variance, give lambda x, t: model(x, t)[:, :{x.shape[1]}]"
            if more
            else "give one that answers x's shape"
        )
        raise InputError(
            f"{name}: the model answered shape {tuple(answer.shape)} to x of {tuple(x.shape)}: {hint}"
        )
