"""Models that are denoisers already: told sigma, as k-diffusion's are, or told nothing (blind)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError
from denoscope.parametrisations.continuous_schedule import ContinuousSchedule
from denoscope.parametrisations.data_range import DataRange
from denoscope.parametrisations.discrete_schedule import DiscreteSchedule
from denoscope.parametrisations.foreign_model import (
    Model,
    check_answer,
    check_model,
    check_shape,
    dtype_of,
)
from denoscope.parametrisations.prediction_denoiser import PredictionDenoiser

__all__ = ["BlindDenoiser", "from_blind", "from_denoised"]


def from_denoised(
    model: Model,
    shape: tuple[int, int, int],
    *,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    levels: Tensor | None = None,
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> PredictionDenoiser:
    """Of model(x, sigma) -> denoised, x = x0 + sigma eps, sigma (B,): k-diffusion's denoisers.

    Give either the range of levels it was trained for, or the levels it knows (its `sigmas`, in any
    order), both in the units of the model's own data_range; a level of 0 among them, where k-diffusion
    ends its samplers, is left away. Raises InputError as `PredictionDenoiser` does, and where neither
    or both are given.
    """
    span = (sigma_min, sigma_max)
    if (levels is None) == (span == (None, None)) or (levels is None and None in span):
        raise InputError(
            f"sigma_min={sigma_min}, sigma_max={sigma_max}, levels "
            f"{'not given' if levels is None else 'given'}: give sigma_min and sigma_max, or levels"
        )
    if levels is None:
        schedule = ContinuousSchedule.ve(float(sigma_min or 0), float(sigma_max or 0))
    else:
        known = (
            torch.as_tensor(levels, dtype=torch.float64).reshape(-1).sort(descending=True).values
        )
        known = known[known != 0]
        schedule = DiscreteSchedule(torch.ones_like(known), known)
    return PredictionDenoiser(
        model, "x0", schedule, shape, time="sigma", data_range=data_range, name=name
    )


class BlindDenoiser:
    """D(x; sigma) = model(x): a denoiser that sees for itself how noisy x is.

    Bias-free networks are trained so over a range of levels (Mohan et al. 2020; Kadkhodaie and
    Simoncelli 2021). The level asked must lie in that range; the model is not told it. Where the
    model answers the noise instead, give `lambda y: y - model(y)`.

    Raises InputError for settings or answers of a wrong kind; SigmaOutOfRange for other levels.
    """

    def __init__(
        self,
        model: Callable[[Tensor], Tensor],
        shape: tuple[int, int, int],
        *,
        sigma_min: float,
        sigma_max: float,
        data_range: tuple[float, float] = (-1.0, 1.0),
        name: str = "model",
    ) -> None:
        check_model(model)
        if not 0 <= sigma_min <= sigma_max < math.inf:
            raise InputError(
                f"levels from {sigma_min:g} to {sigma_max:g}: give the range it was trained for, "
                "0 <= sigma_min <= sigma_max < inf"
            )
        self.model, self.range = model, DataRange.of(*data_range)
        self.spec = Spec(
            name, check_shape(shape), sigma_min / self.range.scale, sigma_max / self.range.scale
        )
        if hasattr(model, "to"):  # as for PredictionDenoiser
            self.to = self._moved

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        check_call(self.spec, x, sigma)
        y = self.range.inward(x)
        answer = self.model(y.to(dtype_of(self.model, x)))
        check_answer(self.spec.name, answer, y)
        return self.range.outward(answer.to(x.dtype))

    def _moved(self, device: torch.device | str) -> "BlindDenoiser":
        """The same with the model on `device`; a torch.nn.Module is itself moved there."""
        self.model.to(device)  # pyright: ignore
        return self


def from_blind(
    model: Callable[[Tensor], Tensor],
    shape: tuple[int, int, int],
    *,
    sigma_min: float,
    sigma_max: float,
    data_range: tuple[float, float] = (-1.0, 1.0),
    name: str = "model",
) -> BlindDenoiser:
    """Of model(y) -> denoised that takes no sigma, trained for levels from sigma_min to sigma_max.

    Both are in the units of the model's own data_range: a network for pictures in [0, 1] with noise of
    1/255 to 100/255 has sigma_min=1/255, sigma_max=100/255, data_range=(0, 1), and
    serves levels from 2/255 to 200/255 here. See `BlindDenoiser`.
    """
    return BlindDenoiser(
        model,
        shape,
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        data_range=data_range,
        name=name,
    )
