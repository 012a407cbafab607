"""Which of the known mistakes, once undone, makes a denoiser of what does not behave like one."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.auditing.corrections import TOLD, Correction, known_corrections
from denoscope.auditing.probe import AtLevel, Probe
from denoscope.auditing.readings import Edm, Reading
from denoscope.errors import SigmaOutOfRange
from denoscope.metrics import rmse

__all__ = ["CLEARLY", "Explanation", "deaf_at", "explain", "fails", "knows_others"]

CLEARLY = 1.25  # times the error of doing nothing or of the mean picture: no denoiser of these
SUSPECT = 1.05  # times the error of the best simple denoiser: a level that a mistake may be behind
# A mistake is named where undoing it leaves at most this many times that error at every level ...
NEAR, NEARLY = 1.1, 1.25
# ... and divides the error at suspect levels by this; the more it leaves, the more it must mend.
MARGIN, GREAT_MARGIN = 1.1, 1.5
SURE, HOPEFUL = 4.0, 1.5  # standard errors that the gain must have over pictures; in the search
SAME = 1.01  # explanations whose errors are this near are as good as each other
NOTHING_LEFT = 1e-3  # of the simple error, or of sigma: smaller errors are as good as none
FEW = 6  # pictures of the search
CONFIRMED = 3  # explanations tried on all pictures
MAGNIFIED = 0.1  # of the simple error: float32 rounding above which a level says nothing
STEP, APART, TOLD_AT_LEAST = 1.5, 10.0, 3  # levels tried, and those told: so far, so many
INFORMATIVE = 0.97  # of the error of no answer: what the Gaussian has where denoising shows


@dataclass(frozen=True, eq=False)
class Explanation:
    """A mistake that explains the answers.

    gain: by what the error at suspect levels is divided once it is undone, a geometric mean.
    errors: the corrected errors (n,) by level, where the correction can be measured.
    """

    correction: Correction
    gain: float
    errors: dict[float, Tensor]


def fails(level: AtLevel) -> bool:
    """Whether the answers are clearly worse than no answer: x itself, or the mean picture."""
    return float(level.error.mean()) > CLEARLY * level.trivial


def suspect(level: AtLevel) -> bool:
    """Whether there is something to explain, beyond what chance would do."""
    over = level.error - SUSPECT * level.simple
    return float(over.mean()) > 2 * float(over.std()) / math.sqrt(len(over))


def explain(probe: Probe, levels: list[AtLevel]) -> Explanation | None:
    """The mistake behind what the levels show, None where there is none known.

    Undone, it must leave answers near or below the Gaussian's error at every level where that can
    be measured, half of the levels at least, and be much better where the model is not.
    """
    worst_first = sorted(levels, key=lambda level: -float(level.error.mean()) / level.simple)
    if not any(map(suspect, levels)):
        return None
    candidates = known_corrections(probe.denoiser.spec)
    if any(map(fails, levels)) and knows_others(probe, levels):
        candidates = [one for one in candidates if one.other_pictures]
    few = [level.first(FEW) for level in worst_first]
    found = [
        one for one in (_try(probe, each, few, HOPEFUL) for each in candidates) if one is not None
    ]
    for one in _best_first(found)[:CONFIRMED]:
        whole = _try(probe, one.correction, worst_first, SURE)
        if whole is not None:
            return whole
    return None


def _best_first(found: list[Explanation]) -> list[Explanation]:
    """Those beaten by the fewest others first, and the likelier of equals.

    One beats another where its error is smaller at the levels both can be measured at: the right
    one has the smallest there is at each.
    """
    beaten = [sum(_beats(other, one) for other in found) for one in found]
    return [one for _, _, one in sorted(zip(beaten, range(len(found)), found, strict=True))]


def _beats(one: Explanation, other: Explanation) -> bool:
    common = [sigma for sigma in one.errors if sigma in other.errors]
    logs = [
        ((other.errors[sigma].mean() + tiny) / (one.errors[sigma].mean() + tiny)).log()
        for sigma, tiny in ((sigma, NOTHING_LEFT * min(sigma, 1.0)) for sigma in common)
    ]
    return bool(logs) and _mean(logs) > math.log(SAME)


def _try(
    probe: Probe, correction: Correction, levels: list[AtLevel], sure: float
) -> Explanation | None:
    """Undo the mistake at these levels, the worst first; None as soon as that does not help."""
    errors, gains, left = dict[float, Tensor](), list[Tensor](), 0.0
    for level in levels:
        try:
            error, rounding = probe.corrected(correction, level)
        except SigmaOutOfRange:
            continue
        if rounding > MAGNIFIED * level.simple:
            continue
        after = float(error.mean())
        left = max(left, after / level.simple)
        if not left < NEARLY:
            return None
        errors[level.sigma] = error
        if float(level.error.mean()) > SUSPECT * level.simple:
            floor = NOTHING_LEFT * level.simple
            gains.append((level.error.clamp(min=floor) / error.clamp(min=floor)).log())
        if not gains or _mean(gains) < math.log(MARGIN if left < NEAR else GREAT_MARGIN):
            return None
    if 2 * len(errors) < len(levels):
        return None
    unmeasured = [level for level in levels if level.sigma not in errors]
    if not any(map(fails, levels)) and any(map(suspect, unmeasured)):
        return None  # being somewhat worse than the Gaussian is no evidence, unless all of it mends
    each = torch.stack(gains).mean(0)
    if float(each.mean()) < sure * float(each.std()) / math.sqrt(len(each)):
        return None
    return Explanation(correction, math.exp(_mean(gains)), errors)


def _mean(gains: list[Tensor]) -> float:
    return float(torch.stack(gains).mean())


def knows_others(probe: Probe, levels: list[AtLevel]) -> bool:
    """Whether the model denoises pictures of its own at the levels where it fails on these.

    Its own are where it leads these by denoising over and over, from the level of the data's
    deviation downwards. A model that has memorized is a perfect denoiser of such and of no others.
    """
    deviation = float(levels[0].mean.mean())
    own = probe.x0
    for level in levels:
        if level.sigma <= max(deviation, min(one.sigma for one in levels)):
            own = probe.ask(own, level.sigma)
    spread = float((own - own.mean(0)).square().mean().sqrt())
    if not bool(own.isfinite().all()) or not 0.3 * deviation < spread < 3 * deviation:
        return False
    return not any(fails(probe.at(level.sigma, own)) for level in levels if fails(level))


def deaf_at(probe: Probe, levels: list[AtLevel]) -> float | None:
    """The one level that the network denoises for, whatever level it is told; None where there is none.

    Its outputs told much higher levels, shown noise of this one, must make denoised pictures that
    are as good as the Gaussian's, where that is better than no answer.
    """
    low, high = levels[-1].sigma, min(levels[0].sigma, 2.0)
    steps = int(math.log(max(high / low, 1)) / math.log(STEP)) + 1
    for sigma in (low * STEP**step for step in range(steps)):
        told = [level.sigma for level in levels if APART * sigma < level.sigma <= 1 / low]
        shown = probe.noisy(sigma, FEW)
        if len(told) < TOLD_AT_LEAST or shown.simple > INFORMATIVE * shown.trivial:
            continue
        for reading in TOLD:
            if all(_denoises_told(probe, reading, shown, other) for other in told):
                return sigma
    return None


def _denoises_told(probe: Probe, q: Reading | Edm, shown: AtLevel, told: float) -> bool:
    moved = q.alpha(shown.sigma) / q.alpha(told) * shown.x
    answer = q.denoised(q.raw(probe.ask(moved, told), moved, told), shown.x, shown.sigma)
    good = min(SUSPECT * shown.simple, (shown.simple + shown.trivial) / 2)  # not by doing nothing
    return float(rmse(answer, shown.x0).mean()) < good
