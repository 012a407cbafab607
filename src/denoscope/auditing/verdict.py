"""The verdict: which of five words the evidence supports, and how surely.

Each signal (see `signals`) votes by where its value lies between 0 (generalizing) and 1 (memorizing),
softened by its standard error:

    P(memorizing) = Phi((value - high) / se),   P(generalizing) = Phi((low - value) / se),

with the rest for transitional; (low, high) are the signal's thresholds below. The rule:

1. Undertrained: at `UNDERTRAINED` of the intermediate levels or more the network is broken, or underfit.
2. Not enough evidence: fewer than three signals could be read.
3. Otherwise the label with the highest mean probability over the signals; memorizing and generalizing
   also need three votes, or all but one, and not to be contradicted by the copies, which are what
   memorization means; without that the label is transitional.

Confidence is the mean probability of the label, times 0.8 where evidence is missing. The thresholds were
set on audits that the confusion matrix in the docs does not contain.
"""

from collections.abc import Sequence
from statistics import NormalDist

from denoscope.auditing.measuring import INTERMEDIATE
from denoscope.auditing.signals import Signal
from denoscope.tables import LevelNote, Reason, Verdict

__all__ = ["THRESHOLDS", "decide"]

THRESHOLDS: dict[str, tuple[float, float]] = {
    "copies": (0.05, 0.40),
    "novelty": (0.25, 0.60),
    "gap": (0.35, 0.70),
    "position": (0.15, 0.40),
    "linearity": (0.40, 0.55),
}
UNDERTRAINED = 0.5
SMALLEST_SE = 0.02  # no signal is surer than this: sampling of pictures is not the only error


def decide(signals: Sequence[Signal], levels: Sequence[LevelNote], *, missing: bool) -> Verdict:
    """The verdict from the signals and the level notes; `missing` where held-out evidence lacks."""
    probabilities = {signal.name: _probabilities(signal) for signal in signals}
    reasons = [_reason(signal, probabilities[signal.name]) for signal in signals]
    failing = _failing(levels)
    if failing is not None:
        share, text = failing
        reasons.insert(0, Reason(signal="levels", vote="undertrained", text=text, value=share))
        return Verdict(label="undertrained", confidence=min(1.0, share), reasons=reasons)
    if len(signals) < 3:
        text = (
            f"Only {len(signals)} of the signals could be read; a verdict rests on three or more."
        )
        reasons.insert(0, Reason(signal="evidence", vote="none", text=text))
        return Verdict(label="not_enough_evidence", confidence=0.0, reasons=reasons)

    labels = ("memorizing", "transitional", "generalizing")
    mean = {
        label: sum(p[label] for p in probabilities.values()) / len(probabilities)
        for label in labels
    }
    best = max(labels, key=lambda label: mean[label])
    if best != "transitional":
        votes = sum(reason.vote == best for reason in reasons)
        opposite = "generalizing" if best == "memorizing" else "memorizing"
        contradicted = any(r.signal == "copies" and r.vote == opposite for r in reasons)
        if votes < min(3, len(signals) - 1) or contradicted:
            best = "transitional"
    confidence = mean[best]
    return Verdict(
        label=best, confidence=min(1.0, confidence * (0.8 if missing else 1.0)), reasons=reasons
    )


def _probabilities(signal: Signal) -> dict[str, float]:
    low, high = THRESHOLDS[signal.name]
    se = max(signal.se, SMALLEST_SE) if signal.se == signal.se else 1.0
    normal = NormalDist()
    memorizing = normal.cdf((signal.value - high) / se)
    generalizing = normal.cdf((low - signal.value) / se)
    return {
        "memorizing": memorizing,
        "generalizing": generalizing,
        "transitional": max(0.0, 1 - memorizing - generalizing),
    }


def _reason(signal: Signal, probabilities: dict[str, float]) -> Reason:
    vote = max(probabilities, key=lambda label: probabilities[label])
    low, high = signal.interval
    finite = signal.se == signal.se and abs(signal.se) != float("inf")
    return Reason(
        signal=signal.name,
        vote=vote,  # type: ignore[arg-type]
        text=signal.text,
        value=signal.value,
        low=low if finite else None,
        high=high if finite else None,
    )


def _failing(levels: Sequence[LevelNote]) -> tuple[float, str] | None:
    """Share of intermediate levels at which the network fails, where that is most of them."""
    inside = [note for note in levels if INTERMEDIATE[0] <= note.sigma_used <= INTERMEDIATE[1]]
    failing = [note for note in inside if note.status in ("broken", "underfit")]
    if not inside or len(failing) < UNDERTRAINED * len(inside):
        return None
    text = (
        f"At {len(failing)} of {len(inside)} intermediate levels the network is worse than "
        "trivial denoisers on its own "
        "training pictures, or than the Gaussian denoiser on training and held-out pictures "
        "alike: train longer."
    )
    return len(failing) / len(inside), text
