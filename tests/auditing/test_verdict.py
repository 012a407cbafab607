"""The rule, on made-up signals at the ends of the scale (no threshold is tested here)."""

import pytest

from denoscope.auditing import THRESHOLDS, Signal, decide
from denoscope.tables import LevelNote

FINE = [LevelNote(sigma=s, sigma_used=s) for s in (80.0, 10.0, 1.0, 0.2, 0.01)]


def signals(**values):
    return [Signal(name, value, 0.03, f"{name} is {value}.") for name, value in values.items()]


def everything(value):
    return signals(**dict.fromkeys(THRESHOLDS, value))


@pytest.mark.parametrize(("value", "label"), [(0.0, "generalizing"), (1.0, "memorizing")])
def test_signals_that_agree_decide(value, label):
    verdict = decide(everything(value), FINE, missing=False)
    assert verdict.label == label
    assert verdict.confidence > 0.9
    assert {reason.vote for reason in verdict.reasons} == {label}
    assert [reason.signal for reason in verdict.reasons] == list(THRESHOLDS)
    assert all(reason.text for reason in verdict.reasons)
    reduced = decide(everything(value), FINE, missing=True)
    assert reduced.label == label
    assert reduced.confidence < verdict.confidence


@pytest.mark.parametrize("given", [{}, {"gap": 1.0}, {"gap": 1.0, "position": 1.0}])
def test_fewer_than_three_signals_are_not_enough(given):
    verdict = decide(signals(**given), FINE, missing=True)
    assert verdict.label == "not_enough_evidence"
    assert verdict.confidence == 0
    assert len(verdict.reasons) == len(given) + 1


def test_the_middle_is_transitional():
    middle = {name: (low + high) / 2 for name, (low, high) in THRESHOLDS.items()}
    assert decide(signals(**middle), FINE, missing=False).label == "transitional"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_copies_are_not_outvoted(value):
    given = {**dict.fromkeys(THRESHOLDS, value), "copies": 1 - value}
    assert decide(signals(**given), FINE, missing=False).label == "transitional"


def test_a_signal_without_a_finite_error_still_reads():
    one = [Signal("copies", 1.0, float("inf"), ""), Signal("gap", 1.0, float("nan"), "")]
    verdict = decide([*one, *signals(position=1.0, linearity=1.0)], FINE, missing=False)
    assert all(reason.low is None for reason in verdict.reasons[:2])
    assert 0 <= verdict.confidence <= 1


def test_failing_levels_come_first():
    for status in ("broken", "underfit"):
        bad = [note.model_copy(update={"status": status}) for note in FINE]
        verdict = decide(everything(1.0), bad, missing=False)
        assert verdict.label == "undertrained"
        assert verdict.reasons[0].signal == "levels"
        assert len(verdict.reasons) == len(THRESHOLDS) + 1
        low_only = [*FINE[:-1], FINE[-1].model_copy(update={"status": status})]
        assert decide(everything(1.0), low_only, missing=False).label == "memorizing"
    evidence = [note.model_copy(update={"status": "memorizing_evidence"}) for note in FINE]
    assert decide(everything(1.0), evidence, missing=False).label == "memorizing"
