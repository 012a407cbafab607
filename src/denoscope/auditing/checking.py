"""Whether a model, as it was opened, behaves like the posterior mean of real pictures.

The denoiser that training aims at is D(x; sigma) = E[x0 | x], x = x0 + sigma eps. Whatever the law of
x0, it has a smaller error than x itself and than the mean picture mu, and its error is orthogonal to
all that can be made of x:

    E ||D - x0||^2 <= min(sigma^2 d, E ||mu - x0||^2),     E[D - x0] = 0,
    E <x0 - D, D - mu> = 0,  so that x0 regressed on D has the slope 1,
    E (D - x0)(x - mu)^T = 0                               (`metrics.orthogonality`).

A network is that only nearly; a network opened with a wrong parametrisation, range, schedule or
time breaks the first line by far, and undoing the mistake mends it (`corrections`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from denoscope.auditing.diagnosis import Explanation, deaf_at, explain, fails, knows_others
from denoscope.auditing.probe import AtLevel, Probe
from denoscope.denoiser import Denoiser, check_denoiser
from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.metrics import Estimate, Moments, orthogonality, ratio_of_sums
from denoscope.metrics.per_picture import rows

__all__ = ["LevelCheck", "ModelCheck", "check_model"]


@dataclass(frozen=True)
class LevelCheck:
    """What was measured at one level, in units of pictures over [-1, 1].

    error: RMSE of D(x; sigma) to the clean pictures. nothing, mean, gaussian: the same of x itself,
    of the mean picture, of the Gaussian denoiser of the pictures. slope: of x0 regressed on D, 1 for
    a posterior mean. bias: RMS of E[D - x0], without what its estimation adds. residual: of
    orthogonality, relative to the covariance. outside: share of D's values beyond the pictures'
    range by more than sigma and a tenth. corrected: the error once the named mistake is undone,
    None where there is none or this level cannot tell.
    """

    sigma: float
    error: Estimate
    nothing: float
    mean: float
    gaussian: float
    slope: Estimate
    bias: float
    residual: float
    outside: float
    fails: bool
    corrected: float | None = None


@dataclass(frozen=True)
class ModelCheck:
    """The levels, high to low, and what they say.

    verdict: "behaves"; "mistake", the known one that `fault` and `fix` tell, called `mistake`; or
    "unexplained". margin: by what undoing the mistake divides the error, at the levels it spoils.
    reason: all of it in a sentence.
    """

    verdict: Literal["behaves", "mistake", "unexplained"]
    reason: str
    levels: tuple[LevelCheck, ...]
    mistake: str = ""
    fault: str = ""
    fix: str = ""
    margin: float | None = None

    @property
    def behaves(self) -> bool:
        return self.verdict == "behaves"


def check_model(
    denoiser: Denoiser,
    pictures: Pictures,
    *,
    count: int = 32,
    seed: int = 0,
    batch: int = 32,
    device: torch.device | str = "cpu",
    on_evaluations: Callable[[int], None] = lambda n: None,
) -> ModelCheck:
    """Denoise real pictures at ten levels; say whether that works, and if not, which mistake it is.

    denoiser: on `device`. pictures: of the kind it was trained on, best the training pictures
    themselves: what has memorized them is a denoiser of no others. count: how many are denoised at
    each level; where something is amiss, a few of them are denoised again under each known mistake.
    on_evaluations: called with the number of pictures just denoised.

    Raises InputError for pictures of another shape or fewer than 3, RunError where the model
    returns values that are not finite.
    """
    check_denoiser(denoiser)
    if count < 3 or batch < 1:
        raise InputError(f"{count} pictures in batches of {batch} asked: give at least 3 and 1")
    probe = Probe(
        denoiser,
        pictures,
        count=count,
        seed=seed,
        batch=batch,
        device=device,
        on_evaluations=on_evaluations,
    )
    levels = [probe.at(sigma) for sigma in probe.levels()]
    found = explain(probe, levels)
    checks = tuple(_measured(probe, level, found) for level in levels)
    if found is not None:
        right = found.correction
        return ModelCheck(
            "mistake",
            f"{right.fault}: {right.fix} (the error falls {found.gain:.3g} times where it was "
            "spoilt)",
            checks,
            right.name,
            right.fault,
            right.fix,
            found.gain,
        )
    failing = [level for level in levels if fails(level)]
    if not failing:
        return ModelCheck("behaves", "behaves like a denoiser of these pictures", checks)
    sigmas = ", ".join(f"{level.sigma:.3g}" for level in failing)
    text = f"does not behave like a denoiser of these pictures at sigma {sigmas}"
    if knows_others(probe, levels):
        text += (
            ", though it does of others that it makes of them: it knows other pictures; check it "
            "on those it was trained on"
        )
        return ModelCheck("unexplained", text, checks)
    deaf = deaf_at(probe, levels)
    if deaf is not None:
        fault = f"whatever level it is told, it denoises as for sigma {deaf:.2g}"
        fix = 'tell it the time in its own units: time="index" where it is told index/T now'
        return ModelCheck("mistake", f"{fault}: {fix}", checks, "time-scaled", fault, fix)
    text += "; none of the known mistakes explains it: check its weights and how it was opened"
    return ModelCheck("unexplained", text, checks)


def _measured(probe: Probe, level: AtLevel, found: Explanation | None) -> LevelCheck:
    clean, answer, mean = rows(level.x0, level.answer, probe.gaussian.mean.expand_as(level.x0))
    off = answer - clean
    bias = off.mean(0).square() - off.var(0) / len(off)
    covariance = float(probe.gaussian.eigenvalues.norm())
    low, high = float(level.x0.min()), float(level.x0.max())
    room = level.sigma + 0.1 * (high - low)
    beyond = (answer < low - room) | (answer > high + room)
    spoilt = None if found is None else found.errors.get(level.sigma)
    return LevelCheck(
        sigma=level.sigma,
        error=Moments.of(level.error).estimate,
        nothing=float(level.nothing.mean()),
        mean=float(level.mean.mean()),
        gaussian=float(level.gaussian.mean()),
        slope=ratio_of_sums(
            ((clean - mean) * (answer - mean)).sum(1), (answer - mean).square().sum(1)
        ),
        bias=math.sqrt(max(float(bias.mean()), 0.0)),
        residual=_residual(probe, level, covariance),
        outside=float(beyond.double().mean()),
        fails=fails(level),
        corrected=None if spoilt is None else float(spoilt.mean()),
    )


def _residual(probe: Probe, level: AtLevel, covariance: float) -> float:
    if covariance == 0:
        return math.nan
    measured = orthogonality(level.answer, level.x0, level.x, probe.gaussian.mean, covariance)
    return measured.residual if measured.squared.value > 2 * measured.squared.se else 0.0
