"""What is wrong at a level: broken, underfit, or evidence of memorization.

A denoiser that memorizes is bad on held-out inputs, and rightly so: only failure on its own training
inputs says that a level is broken. All comparisons are paired: the same
noisy pictures through both.
"""

import math

from denoscope.auditing.measuring import Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.metrics import Estimate
from denoscope.tables import LevelNote

__all__ = ["level_note"]

SURE = 3.0  # standard errors
MATERIAL = 0.01  # share of the other's error: below this a difference is rounding, however sure


def level_note(recorder: Recorder, level: Level) -> LevelNote:
    """The status of one level, with its reason in words."""
    words = {"identity": "doing nothing", "mean": "the mean picture"}
    excess = {
        (other, kind): _excess(recorder, level, other, kind)
        for other in (*words, "gaussian")
        for kind in ("train", "held_out")
    }
    broken = [words[other] for other in words if _positive(excess[other, "train"])]
    only_new = [
        words[other]
        for other in words
        if _positive(excess[other, "held_out"])
        and _larger(excess[other, "held_out"], excess[other, "train"])
    ]
    status, note = "ok", ""
    if broken:
        status = "broken"
        note = (
            f"On its own training pictures the network is worse than {' and than '.join(broken)}."
        )
    elif only_new:
        status = "memorizing_evidence"
        note = (
            f"On held-out pictures, and not on training pictures, the network is worse than "
            f"{' and than '.join(only_new)}."
        )
    elif _positive(excess["gaussian", "train"]) and _positive(excess["gaussian", "held_out"]):
        status = "underfit"
        note = (
            "The network is worse than the Gaussian denoiser on training and on held-out pictures."
        )
    return LevelNote(sigma=level.sigma, sigma_used=level.used, status=status, note=note)


def _excess(recorder: Recorder, level: Level, other: str, kind: str) -> Estimate | None:
    """RMSE of the network less that of `other`, as a share of the latter's."""
    key = Key("rmse_difference", "network", other, kind, level.sigma, level.used)
    scale = Key(f"{other}_rmse", "", "", kind, level.sigma, level.used)
    if other == "gaussian":
        scale = Key("rmse", "gaussian", "", kind, level.sigma, level.used)
    difference, size = recorder.estimate(key), recorder.estimate(scale)
    if difference is None or size is None or difference.n < 2 or size.value == 0:
        return None
    return Estimate(difference.value / size.value, difference.se / size.value, difference.n)


def _positive(excess: Estimate | None) -> bool:
    return excess is not None and excess.value > max(SURE * excess.se, MATERIAL)


def _larger(one: Estimate | None, two: Estimate | None) -> bool:
    """Surely larger; also where there is nothing to compare with."""
    if one is None or two is None:
        return one is not None
    return one.value - two.value > SURE * math.hypot(one.se, two.se)
