"""The one contract everything hangs on: `x0_hat = denoiser(x, sigma)`.

A diffusion model is a family of denoisers D(x; sigma), one for each noise level, trained by

    min_D  E_x0 E_{eps ~ N(0, I)} || D(x0 + sigma eps; sigma) - x0 ||^2            (Li et al. 2024, eq. 3)

whose optimum is the posterior mean E[x0 | x] and gives the score (D(x; sigma) - x) / sigma^2 (eq. 2).
Networks, closed forms, wrappers and plain functions all satisfy the protocol below. No keyword ever
joins the call: a label, guidance, a precision, a cache are wrappers holding a denoiser.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from denoscope.errors import InputError, SigmaOutOfRange

__all__ = [
    "Denoiser",
    "FunctionDenoiser",
    "LevelwiseDenoiser",
    "Spec",
    "as_sigma",
    "check_call",
    "check_denoiser",
    "snap_to_levels",
]

SLACK = 1e-6  # relative, for levels that went through float32


@dataclass(frozen=True)
class Spec:
    """What a denoiser says of itself.

    name: short, for tables and legends.
    shape: (C, H, W) of one picture.
    sigma_min, sigma_max: the closed range of noise levels it accepts, in units of pictures that
        range over [-1, 1], or of the scaled latents that a latent model takes. Closed forms accept
        0 (the limit) to infinity.
    levels: None where every sigma in the range is known, else the finite levels the model knows,
        as a tensor sorted from high to low; the caller snaps (`snap_to_levels`).
    citations: works that a report using this denoiser must name.
    """

    name: str
    shape: tuple[int, int, int]
    sigma_min: float = 0.0
    sigma_max: float = float("inf")
    levels: Tensor | None = None
    citations: tuple[str, ...] = ()

    def renamed(self, name: str) -> "Spec":
        """The same spec under another name."""
        return replace(self, name=name)


@runtime_checkable
class Denoiser(Protocol):
    """Anything callable as `x0_hat = denoiser(x, sigma)` that carries a `Spec`.

    x: (B, C, H, W), x = x0 + sigma * eps. sigma: (B,) or (1,). The result has x's shape, dtype and
    device. A call changes no grad mode, moves nothing, draws nothing: `torch.func` always works.
    """

    @property
    def spec(self) -> Spec: ...

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor: ...


class FunctionDenoiser:
    """A plain function `(x, sigma) -> x0_hat` with a spec: the shortest way to a denoiser."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], spec: Spec) -> None:
        self.function = function
        self.spec = spec

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.function(x, check_call(self.spec, x, sigma))


class LevelwiseDenoiser:
    """One denoiser for each of some levels, as one denoiser that knows these levels alone.

    denoisers: by their level, in any order; each accepts its level, all are of one shape. Every row
    of x goes to the denoiser of its level. The spec's levels are sorted from high to low.

    Raises InputError for no denoisers at all, a level that is not positive and finite, or shapes
    that differ; SigmaOutOfRange where a denoiser does not know its level and, in a call, for a sigma
    that is none of the levels (with a relative slack of 1e-6, for levels that went through float32).
    """

    def __init__(self, denoisers: Mapping[float, Denoiser], name: str = "levelwise") -> None:
        if not denoisers:
            raise InputError("no denoisers given: give at least one, by its level")
        levels = sorted(map(float, denoisers), reverse=True)
        self.denoisers = {level: check_denoiser(denoisers[level]) for level in levels}
        if not (levels[-1] > 0 and levels[0] < float("inf")):
            raise InputError(
                f"levels from {levels[-1]:g} to {levels[0]:g} given: give positive ones"
            )
        for level, one in self.denoisers.items():
            known = snap_to_levels(one.spec, torch.tensor([level], dtype=torch.float64))
            if abs(float(known) / level - 1) > SLACK:
                raise SigmaOutOfRange(
                    f"{one.spec.name} does not know sigma {level:g}, the nearest is "
                    f"{float(known):g}: give it for that level"
                )
        specs = [one.spec for one in self.denoisers.values()]
        shapes = sorted({tuple(spec.shape) for spec in specs})
        if len(shapes) > 1:
            raise InputError(f"the denoisers take pictures of shapes {shapes}: give one shape")
        self.spec = Spec(
            name=name,
            shape=specs[0].shape,
            sigma_min=levels[-1],
            sigma_max=levels[0],
            levels=torch.tensor(levels, dtype=torch.float64),
            citations=tuple(dict.fromkeys(work for spec in specs for work in spec.citations)),
        )

    @classmethod
    def of(cls, denoisers: Iterable[Denoiser], name: str = "levelwise") -> "LevelwiseDenoiser":
        """Of denoisers that each know some levels (`spec.levels`): each serves all of its own.

        Raises InputError where one knows a continuum, or two know the same level.
        """
        by_level: dict[float, Denoiser] = {}
        for one in denoisers:
            levels = check_denoiser(one).spec.levels
            if levels is None:
                raise InputError(
                    f"{one.spec.name} knows every level from {one.spec.sigma_min:g} to "
                    f"{one.spec.sigma_max:g}: say which it serves, LevelwiseDenoiser({{sigma: it}})"
                )
            for level in levels.tolist():
                if level in by_level:
                    raise InputError(f"two denoisers for sigma {level:g}: give one a level")
                by_level[level] = one
        return cls(by_level, name)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        check_call(self.spec, x, sigma)
        places = [self._place(level) for level in sigma.tolist()]
        if len(set(places)) == 1:
            return self._answer(places[0], x)
        rows = [[row for row, p in enumerate(places) if p == place] for place in set(places)]
        answers = [self._answer(places[some[0]], x[some]) for some in rows]
        order = torch.tensor([row for some in rows for row in some], device=x.device)
        return torch.cat(answers)[order.argsort()]

    def to(self, device: torch.device | str) -> "LevelwiseDenoiser":
        """The same with every denoiser that can be moved (`.to`) on `device`."""
        moved = {
            level: one.to(device) if hasattr(one, "to") else one  # pyright: ignore
            for level, one in self.denoisers.items()
        }
        return LevelwiseDenoiser(moved, self.spec.name)

    def _answer(self, level: float, x: Tensor) -> Tensor:
        return self.denoisers[level](x, as_sigma(level, x))

    def _place(self, sigma: float) -> float:
        level = min(self.denoisers, key=lambda known: abs(sigma / known - 1))
        if abs(sigma / level - 1) > SLACK:
            known = ", ".join(f"{one:g}" for one in self.denoisers)
            raise SigmaOutOfRange(
                f"{self.spec.name}: sigma {sigma:g} asked; it knows {known} alone: choose among "
                "these (snap_to_levels finds the nearest)"
            )
        return level


def check_call(spec: Spec, x: Tensor, sigma: Tensor) -> Tensor:
    """Check a call against the spec; return sigma as (B, 1, 1, 1) or (1, 1, 1, 1) in x's dtype.

    Raises InputError where x or sigma has a wrong shape, SigmaOutOfRange where a level is NaN or
    lies outside [sigma_min, sigma_max] (with a relative slack of 1e-6, for levels that went
    through float32).
    """
    if x.ndim != 4 or tuple(x.shape[1:]) != tuple(spec.shape):
        raise InputError(
            f"{spec.name}: x has shape {tuple(x.shape)}; it takes (B, "
            f"{', '.join(map(str, spec.shape))})"
        )
    if sigma.ndim != 1 or sigma.shape[0] not in (1, x.shape[0]):
        raise InputError(
            f"{spec.name}: sigma has shape {tuple(sigma.shape)}; give (1,) or ({x.shape[0]},), "
            "one level a picture"
        )
    low, high = spec.sigma_min * (1 - SLACK), spec.sigma_max * (1 + SLACK)
    if not bool(((sigma >= low) & (sigma <= high)).all()):
        raise SigmaOutOfRange(
            f"{spec.name}: sigma from {float(sigma.min()):g} to {float(sigma.max()):g} asked; "
            f"it knows [{spec.sigma_min:g}, {spec.sigma_max:g}]: choose levels inside"
        )
    return sigma.to(x.dtype).reshape(-1, 1, 1, 1)


def check_denoiser(candidate: object) -> Denoiser:
    """Return the candidate if it satisfies the contract, else raise InputError naming what lacks."""
    spec = getattr(candidate, "spec", None)
    if not callable(candidate) or not isinstance(spec, Spec):
        raise InputError(
            f"{type(candidate).__name__} is not a denoiser: it must be callable as D(x, sigma) "
            "and carry "
            "`spec`, a denoscope.Spec; wrap a function in denoscope.FunctionDenoiser(function, "
            "spec)"
        )
    return candidate  # type: ignore[return-value]


def snap_to_levels(spec: Spec, sigma: Tensor) -> Tensor:
    """The level the denoiser will be asked for when `sigma` is wanted, elementwise.

    The nearest of `spec.levels` in log sigma, or sigma itself, clamped to the range, where the
    denoiser knows a continuum.
    """
    if spec.levels is None:
        return sigma.clamp(spec.sigma_min, spec.sigma_max)
    known = spec.levels.to(sigma)
    distance = (known.log()[None, :] - sigma.log()[:, None]).abs()
    return known[distance.argmin(dim=1)]


def as_sigma(value: float | Tensor, like: Tensor) -> Tensor:
    """A level as the (1,) float64 tensor the contract takes, on `like`'s device."""
    return torch.as_tensor(value, dtype=torch.float64, device=like.device).reshape(-1)
