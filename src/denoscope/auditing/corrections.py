"""What may be wrong about how a model was wrapped, each mistake as the exact way to undo it.

A mistake turns a denoiser D into something else, D~. Where that can be undone from outside, by
calling D~ elsewhere or by combining its answer with x, the corrected D is known, and whether it
denoises can be measured. With F_Q(D, x; sigma) the output that a wrapper reading it as Q must have
had (`readings`), an output of kind P read as Q is undone by

    D = D_P(F_Q(D~(x; sigma), x; sigma), x; sigma),

and a network that sees the right input but is told another level, the one meant when asked for s',

    D = D_Q(F_Q(D~(x'; s'), x'; s'), x; sigma),      alpha(s') x' = alpha(sigma) x.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from denoscope.auditing.readings import EDM, FLOW, PRESERVING, STRAIGHT, Edm, Factor, Reading
from denoscope.auditing.told_levels import SCHEDULES, reversed_levels, taken_for
from denoscope.denoiser import Spec
from denoscope.errors import SigmaOutOfRange

__all__ = ["TOLD", "Ask", "Correction", "known_corrections"]

Ask = Callable[[Tensor, float], Tensor]
"""D~(x; sigma): float64 (n, C, H, W) in and out; raises SigmaOutOfRange for a level not known."""

# The kinds of output whose networks may be told a wrong level.
TOLD: tuple[Reading | Edm, ...] = (
    PRESERVING["epsilon"],
    PRESERVING["velocity"],
    PRESERVING["x0"],
    FLOW["flow"],
    EDM,
)


@dataclass(frozen=True)
class Correction:
    """One mistake and how it is undone.

    name: short, for programs. fault: what is wrong, a clause. fix: the setting to change, a clause.
    undo(ask, x, sigma): what the model would answer without the mistake, from what it does answer.
    other_pictures: whether with this mistake it still is a denoiser, only one of other pictures.
    """

    name: str
    fault: str
    fix: str
    undo: Callable[[Ask, Tensor, float], Tensor]
    other_pictures: bool = False


def known_corrections(spec: Spec) -> list[Correction]:
    """Every known mistake, the likelier before the rarer where both would explain the same.

    One name may stand for several, of networks with other outputs.
    """
    return [
        *_readings(),
        *_signs(),
        *_ranges(),
        *_units(),
        *_inputs(),
        *_pictures(spec),
        *_times(spec),
    ]


def _readings() -> Iterator[Correction]:
    seen = set[tuple[str, str]]()
    for kinds in (PRESERVING, FLOW, STRAIGHT):
        for true, p in kinds.items():
            for read, q in kinds.items():
                of_its_own = "score" in (true, read)  # its scale depends on alpha, others' do not
                if true == read or ((true, read) in seen and not of_its_own):
                    continue
                seen.add((true, read))
                yield Correction(
                    f"{true}-read-as-{read}",
                    f"its output is {true} and was read as {read}",
                    f"open it with from_{true}, not from_{read}",
                    lambda ask, x, s, p=p, q=q: p.denoised(q.raw(ask(x, s), x, s), x, s),
                )
    yield Correction(
        "residual",
        "it answers the noise in the picture, x - D(x; sigma), and not the picture",
        "return x minus its output",
        lambda ask, x, s: x - ask(x, s),
    )


def _signs() -> Iterator[Correction]:
    for name, what, fix, q in (
        (
            "sign-of-score",
            "the score, or epsilon, has the wrong sign",
            "give minus the output to from_score or from_epsilon",
            PRESERVING["epsilon"],
        ),
        (
            "sign-of-velocity",
            "v has the wrong sign",
            "give minus the output to from_velocity",
            PRESERVING["velocity"],
        ),
        (
            "sign-of-flow",
            "the flow has the wrong sign",
            'state the other velocity to from_flow, velocity="x0 - eps" or "eps - x0"',
            FLOW["flow"],
        ),
    ):
        yield Correction(
            name,
            what,
            fix,
            lambda ask, x, s, q=q: q.denoised(-q.raw(ask(x, s), x, s), x, s),
        )
    yield Correction(
        "sign-of-x0",
        "the picture it answers has the wrong sign",
        "give minus the output",
        lambda ask, x, s: -ask(x, s),
    )


def _ranges() -> Iterator[Correction]:
    """D takes y = scale x + shift in place of x, and sigma in the units of y."""
    for name, scale, shift, fault, fix in (
        ("range-0-1", 0.5, 0.5, "its pictures range over [0, 1], not [-1, 1]", "(0, 1)"),
        (
            "range-not-0-1",
            2.0,
            -1.0,
            "its pictures range over [-1, 1] and were taken to range over [0, 1]",
            "(-1, 1)",
        ),
        (
            "range-0-255",
            127.5,
            127.5,
            "its pictures range over [0, 255], not [-1, 1]",
            "(0, 255)",
        ),
    ):
        yield Correction(
            name,
            fault,
            f"state data_range={fix}",
            lambda ask, x, s, a=scale, b=shift: (ask(a * x + b, a * s) - b) / a,
            other_pictures=True,
        )


def _units() -> Iterator[Correction]:
    """D is told another function of sigma than sigma."""
    units: tuple[tuple[str, Factor, str, str], ...] = (
        ("sigma-halved", lambda s: 2 * s, "half of sigma", "2 sigma where it is told sigma now"),
        ("sigma-doubled", lambda s: s / 2, "twice sigma", "sigma / 2 where it is told sigma now"),
        ("variance-for-sigma", math.sqrt, "sigma^2 for sigma", "sigma"),
        ("sigma-for-variance", lambda s: s * s, "sigma for sigma^2", "sigma^2"),
    )
    for name, ask_for, said, instead in units:
        more = ", in units of pictures over [-1, 1]" if "now" in instead else ""
        yield Correction(
            name,
            f"it is told {said}",
            f"tell it {instead}{more}",
            lambda ask, x, s, g=ask_for: ask(x, g(s)),
        )


def _inputs() -> Iterator[Correction]:
    """D~(x) = D_Q(F(k x), x) of a network that takes another multiple of x."""
    factor = {"flow": "1 / (1 + sigma)", "edm": "c_in(sigma)"}
    for q in TOLD:
        kind = q.prediction if isinstance(q, Reading) else "edm"
        yield Correction(
            "input-not-scaled",
            "the noisy picture goes in as it is, x0 + sigma eps, and the network takes it scaled",
            f"multiply its input by {factor.get(kind, 'alpha = 1 / sqrt(1 + sigma^2)')}",
            _input_times(q, q.alpha),
        )
    for q in (PRESERVING["epsilon"], PRESERVING["x0"], EDM):
        yield Correction(
            "input-scaled",
            "the noisy picture is scaled by alpha, and the network takes it as x0 + sigma eps",
            "give it x0 + sigma eps as it is",
            _input_times(q, lambda s, q=q: 1 / q.alpha(s)),
        )


def _input_times(q: Reading | Edm, factor: Factor) -> Callable[[Ask, Tensor, float], Tensor]:
    def undo(ask: Ask, x: Tensor, s: float) -> Tensor:
        other = factor(s) * x
        return q.denoised(q.raw(ask(other, s), other, s), x, s)

    return undo


def _pictures(spec: Spec) -> Iterator[Correction]:
    """D takes each picture changed by something that undoes itself."""
    channels, height, width = spec.shape
    changes: list[tuple[str, str, Callable[[Tensor], Tensor]]] = [
        ("inverted", "black and white exchanged", lambda x: -x),
        ("mirrored", "left and right exchanged", lambda x: x.flip(3)),
        ("upside-down", "top and bottom exchanged", lambda x: x.flip(2)),
    ]
    if channels == 3:
        changes.insert(0, ("bgr", "red and blue exchanged", lambda x: x.flip(1)))
    if height == width:
        changes.append(("transposed", "rows and columns exchanged", lambda x: x.transpose(2, 3)))
    for name, words, change in changes:
        yield Correction(
            name,
            f"it knows these pictures with {words}",
            "exchange them in what goes in and in what comes out, or in the data",
            lambda ask, x, s, t=change: t(ask(t(x), s)),
            other_pictures=True,
        )


def _times(spec: Spec) -> Iterator[Correction]:
    mistakes: list[tuple[str, str, str, Factor]] = [
        (
            "time-reversed",
            "its time runs the other way",
            "tell it T - 1 - t for an index t, 1 - t for a time from 0 to 1 (time=lambda t: 1 - t)",
            ask_for,
        )
        for ask_for in reversed_levels(spec)
    ]
    mistakes += [
        (
            f"schedule-{true}-read-as-{assumed}",
            f"its levels follow the {true} schedule and were taken to follow the {assumed} one",
            f"open it with DiscreteSchedule.{true}()",
            taken_for(assumed, true),
        )
        for true in SCHEDULES
        for assumed in SCHEDULES
        if true != assumed
    ]
    mistakes += [
        (
            "sigma-for-log-sigma",
            "it is told sigma for log sigma",
            "tell it log sigma (time=lambda t: t.log(), with the factor it was trained with)",
            math.log,
        ),
        (
            "log-sigma-for-sigma",
            "it is told log sigma for sigma",
            'tell it sigma (time="sigma")',
            lambda s: math.exp(min(s, 700.0)),
        ),
    ]
    for name, fault, fix, ask_for in mistakes:
        for q in TOLD:
            yield Correction(name, fault, fix, _told_otherwise(q, ask_for))


def _told_otherwise(q: Reading | Edm, ask_for: Factor) -> Callable[[Ask, Tensor, float], Tensor]:
    def undo(ask: Ask, x: Tensor, s: float) -> Tensor:
        other = ask_for(s)
        if not 0 < other < math.inf:
            raise SigmaOutOfRange(f"no level stands for sigma {s:g}")
        moved = q.alpha(s) / q.alpha(other) * x
        return q.denoised(q.raw(ask(moved, other), moved, other), x, s)

    return undo
