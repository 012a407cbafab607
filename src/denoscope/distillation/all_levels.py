"""Linear distillation at all levels asked."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from denoscope.closed_form import GaussianDenoiser, LinearDenoiser
from denoscope.denoiser import Denoiser, snap_to_levels
from denoscope.distillation.least_squares import LevelFit, distill_level
from denoscope.distillation.setting import Setting
from denoscope.distillation.splits import Splits
from denoscope.distillation.teacher import Inputs
from denoscope.errors import InputError
from denoscope.images import Pictures

__all__ = ["distill", "distillation_levels", "linear_denoiser"]


def distill(
    denoiser: Denoiser,
    pictures: Pictures | Splits,
    *,
    levels: Tensor,
    gaussian: GaussianDenoiser | None = None,
    inputs: Inputs = "held_out",
    budget: int | None = None,
    seed: int = 0,
    batch: int = 64,
    device: torch.device | str = "cpu",
    on_evaluations: Callable[[int], None] = lambda n: None,
) -> Iterator[LevelFit]:
    """The best linear map to a denoiser, level by level, high to low (Li et al. 2024, eq. 9).

    pictures: to distil on, divided by the seed, or divided already. inputs: what these are,
    "train" or "held_out", or "noise" for x = sigma eps alone, which uses their numbers only: on
    training inputs the result is near D_G whatever the model is (see the package). gaussian: D_G of
    the training set; without it that of the pictures fitted. budget: evaluations a level.

    Each level is a function of the arguments alone: one that was lost can be had again by itself.
    Raises InputError for levels, pictures or a budget that will not do.
    """
    splits = pictures if isinstance(pictures, Splits) else Splits.of(pictures, seed)
    if splits.fit.shape != denoiser.spec.shape:
        raise InputError(
            f"{denoiser.spec.name} takes pictures of shape {denoiser.spec.shape}, those to distil "
            f"on have {splits.fit.shape}: open them with another size"
        )
    used = distillation_levels(denoiser, levels)
    setting = Setting.of(splits, gaussian, inputs).to(device)
    for sigma in used:
        yield distill_level(
            denoiser,
            sigma,
            setting,
            budget=budget,
            seed=seed,
            batch=batch,
            on_evaluations=on_evaluations,
        )


def distillation_levels(denoiser: Denoiser, levels: Tensor) -> dict[float, float]:
    """Each level the denoiser will be asked at, high to low: the level wanted there.

    They differ where it knows some levels alone; of two wanted that fall on one the nearer stays.
    Raises InputError unless levels are (L,), positive and finite.
    """
    if levels.ndim != 1 or not bool(((levels > 0) & levels.isfinite()).all()) or not len(levels):
        raise InputError(
            "noise levels must be positive and finite: give sigmas, as karras_levels(10)"
        )
    wanted = levels.double()
    pairs = zip(snap_to_levels(denoiser.spec, wanted).tolist(), wanted.tolist(), strict=True)
    found: dict[float, float] = {}
    for used, asked in pairs:
        if used not in found or abs(asked - used) < abs(found[used] - used):
            found[used] = asked
    return dict(sorted(found.items(), reverse=True))


def linear_denoiser(
    fits: Iterable[LevelFit], shape: tuple[int, int, int], name: str = "linear"
) -> LinearDenoiser:
    """The fits of all levels as one denoiser, in float64."""
    fits = list(fits)
    return LinearDenoiser(
        torch.tensor([fit.sigma for fit in fits], dtype=torch.float64),
        torch.stack([fit.matrix.cpu() for fit in fits]),
        torch.stack([fit.bias.cpu() for fit in fits]),
        shape,
        name,
    )
