"""A denoiser asked at ten levels about real pictures, as it is and as a correction would have it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from denoscope.auditing.corrections import Correction
from denoscope.auditing.inputs import chosen
from denoscope.auditing.measuring import audit_levels
from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import SLACK, Denoiser, as_sigma, snap_to_levels
from denoscope.errors import InputError, RunError, SigmaOutOfRange
from denoscope.images import Pictures
from denoscope.metrics import rmse
from denoscope.noise import karras_levels, noise

__all__ = ["AtLevel", "Probe"]

LOWEST, HIGHEST = 0.002, 80.0  # Karras et al. 2022; a model's own range where that is narrower
FIT_AT_MOST = 2000  # pictures of the Gaussian: its fit stays within seconds at any size
ENOUGH = 4  # times as many pictures as are denoised: then the Gaussian is fitted to the others
NEAREST = 1.1  # a model of separate levels stands for those within this factor of one of its own
ULP = 2.0**-23  # of float32, in which models answer


@dataclass(frozen=True, eq=False)
class AtLevel:
    """One level: what went in, what came out, and errors (n,) of what anybody could answer.

    x0, x = x0 + sigma eps, answer = D(x; sigma): float64 (n, C, H, W).
    """

    sigma: float
    x0: Tensor
    x: Tensor
    answer: Tensor
    nothing: Tensor
    mean: Tensor
    gaussian: Tensor

    @property
    def error(self) -> Tensor:
        """Of the model, (n,)."""
        return rmse(self.answer, self.x0)

    @property
    def trivial(self) -> float:
        """The error of doing nothing or of the mean picture, whichever is smaller."""
        return min(float(self.nothing.mean()), float(self.mean.mean()))

    @property
    def simple(self) -> float:
        """The same, the Gaussian denoiser being allowed too."""
        return min(self.trivial, float(self.gaussian.mean()))

    def first(self, count: int) -> "AtLevel":
        """The same of the first pictures alone."""
        parts = (self.x0, self.x, self.answer, self.nothing, self.mean, self.gaussian)
        return AtLevel(self.sigma, *(part[:count] for part in parts))


class Probe:
    """A denoiser and the pictures it is asked about.

    pictures: of the model's shape. count: how many are denoised at each level. on_evaluations:
    called with the number of pictures just denoised.

    Raises InputError for pictures of another shape or fewer than 3, RunError where the model
    returns values that are not finite.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        pictures: Pictures,
        *,
        count: int,
        seed: int,
        batch: int,
        device: torch.device | str,
        on_evaluations: Callable[[int], None],
    ) -> None:
        wanted, given = tuple(denoiser.spec.shape), tuple(pictures.shape)
        if wanted != given or len(pictures) < 3:
            raise InputError(
                f"{len(pictures)} pictures of shape {given} given: give 3 or more of the model's "
                f"shape {wanted}"
            )
        self.denoiser, self.device, self.batch = denoiser, torch.device(device), batch
        self.on_evaluations = on_evaluations
        shown = chosen(pictures, count, seed)
        others = chosen(pictures, count + FIT_AT_MOST, seed)
        if len(pictures) >= ENOUGH * count:
            others = others.take(range(count, len(others)))
        self.gaussian = GaussianDenoiser.fit(others)
        self.x0 = shown.floats(torch.arange(len(shown))).double()
        self.eps = noise(shown.ids.tolist(), shown.shape, seed=seed, stream="check").double()

    def levels(self) -> list[float]:
        """Ten levels of the Karras grid within the model's range, or its own nearest ones."""
        spec = self.denoiser.spec
        low = min(max(spec.sigma_min, LOWEST), spec.sigma_max)
        high = max(min(spec.sigma_max, HIGHEST), low)
        return [level.used for level in audit_levels(self.denoiser, karras_levels(10, low, high))]

    def at(self, sigma: float, x0: Tensor | None = None) -> AtLevel:
        """Everything at one level, about the pictures or others, x0, whose mean is then theirs."""
        shown = self.noisy(sigma, len(self.x0), x0)
        answer = self.ask(shown.x, sigma)
        if not bool(answer.isfinite().all()):
            raise RunError(
                f"{self.denoiser.spec.name} returned values that are not finite at sigma "
                f"{sigma:g}: check its weights and its range of levels"
            )
        return replace(shown, answer=answer)

    def noisy(self, sigma: float, count: int, x0: Tensor | None = None) -> AtLevel:
        """The same of `count` pictures, the model not being asked: its answer is x."""
        mean = self.gaussian.mean if x0 is None else x0.mean(0)
        x0 = (self.x0 if x0 is None else x0)[:count]
        x = (x0 + sigma * self.eps[:count]).float().double()  # what a float32 model is given
        return AtLevel(
            sigma=sigma,
            x0=x0,
            x=x,
            answer=x,
            nothing=rmse(x, x0),
            mean=rmse(mean.expand_as(x0), x0),
            gaussian=rmse(self.gaussian(x, as_sigma(sigma, x)), x0),
        )

    @torch.no_grad()
    def ask(self, x: Tensor, sigma: float) -> Tensor:
        """D(x; sigma) in float64, asked in float32 and in batches.

        A model with levels of its own is asked at the nearest, if that is near. Raises
        SigmaOutOfRange otherwise, InputError where an answer has another shape.
        """
        spec = self.denoiser.spec
        used = sigma
        if spec.levels is not None and sigma > 0:
            used = float(snap_to_levels(spec, torch.tensor([sigma], dtype=torch.float64)))
            if not 1 / NEAREST < used / sigma < NEAREST:
                raise SigmaOutOfRange(f"{spec.name} knows no level near sigma {sigma:g}")
        if not spec.sigma_min * (1 - SLACK) <= used <= spec.sigma_max * (1 + SLACK):
            raise SigmaOutOfRange(f"{spec.name} does not know sigma {sigma:g}")
        answers = []
        for part in x.float().split(self.batch):
            given = part.to(self.device)
            out = self.denoiser(given, as_sigma(used, given))
            if out.shape != given.shape:
                raise InputError(
                    f"{spec.name}: returned {tuple(out.shape)} for {tuple(given.shape)}: a "
                    "denoiser returns x's shape"
                )
            answers.append(out.double().cpu())
            self.on_evaluations(len(part))
        return torch.cat(answers)

    def corrected(self, correction: Correction, level: AtLevel) -> tuple[Tensor, float]:
        """The error (n,) of what the model would answer without the mistake, and how much of it
        may be the float32 rounding of its answers, which some corrections magnify.

        Raises SigmaOutOfRange where that would take a level the model does not know.
        """
        heard: list[Tensor] = []

        def ask(x: Tensor, sigma: float) -> Tensor:
            asked_before = x is level.x and sigma == level.sigma
            heard.append(level.answer if asked_before else self.ask(x, sigma))
            return heard[-1]

        answer = correction.undo(ask, level.x, level.sigma)
        told = iter(heard)

        def rounded(x: Tensor, sigma: float) -> Tensor:
            out = next(told)
            return out + ULP * torch.maximum(out.abs(), x.abs())

        moved = correction.undo(rounded, level.x, level.sigma)
        return rmse(answer, level.x0), float(rmse(moved, answer).mean())
