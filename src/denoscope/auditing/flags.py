"""What is wrong at a level: broken, underfit, or evidence of memorization.

A denoiser that memorizes is bad on held-out inputs, and rightly so: only failure on its own training
inputs says that a level is broken (paper.md 1.8, point 7). All comparisons are paired: the same
noisy pictures through both.
"""

from denoscope.auditing.measuring import Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.tables import LevelNote

__all__ = ["level_note"]

SURE = 3.0  # standard errors
MATERIAL = 0.01  # share of the other's error: below this a difference is rounding, however sure


def level_note(recorder: Recorder, level: Level) -> LevelNote:
    """The status of one level, with its reason in words."""

    def worse(kind: str, other: str) -> bool:
        key = Key("rmse_difference", "network", other, kind, level.sigma, level.used)
        estimate = recorder.estimate(key)
        metric = "rmse" if other == "gaussian" else f"{other}_rmse"
        scale = recorder.estimate(
            key._replace(metric=metric, denoiser="gaussian" if other == "gaussian" else "", reference="")
        )
        if estimate is None or scale is None or estimate.n < 2:
            return False
        return estimate.value > SURE * estimate.se and estimate.value > MATERIAL * scale.value

    names = {"identity": "doing nothing", "mean": "the mean picture"}
    on_train = [words for other, words in names.items() if worse("train", other)]
    on_held_out = [words for other, words in names.items() if worse("held_out", other)]
    status, note = "ok", ""
    if on_train:
        status = "broken"
        note = f"On its own training pictures the network is worse than {' and than '.join(on_train)}."
    elif on_held_out:
        status = "memorizing_evidence"
        note = f"On held-out pictures, not on training pictures, the network is worse than {' and than '.join(on_held_out)}."
    elif worse("train", "gaussian") and worse("held_out", "gaussian"):
        status = "underfit"
        note = "The network is worse than the Gaussian denoiser on training and on held-out pictures."
    return LevelNote(sigma=level.sigma, sigma_used=level.used, status=status, note=note)
