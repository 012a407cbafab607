"""The signals a verdict rests on, each on a scale where 0 is generalizing and 1 is memorizing.

    copies      share of samples that copy a training picture (d1/d2 < 1/3), less that of held-out pictures
    novelty     1 - GL(samples) / GL(held-out pictures): how much nearer to the training set than new pictures
    gap         (held-out error - train error of the network, less the Gaussian's) over (the multi-delta's,
                less the Gaussian's), in squared error
    position    where the network lies between the Gaussian (0) and the multi-delta (1), on held-out inputs
    linearity   how far the linearity score falls from the Gaussian's towards the multi-delta's

Gap, position and linearity are read only in the band of levels where they can tell the two apart:
where the multi-delta has collapsed onto single pictures (median effective number below `COLLAPSED`)
and sigma >= `LOWEST`, below which every denoiser is the identity (paper.md 1.8, point 4: closeness to the
multi-delta at high noise is no sign of memorization, for it is right there). Each pools its band, so
that one noisy level decides nothing. Without held-out pictures the position and the linearity are read
on pure noise, copies stand without a control, gap and novelty are missing.

The multi-delta of the training set scores 1 on each, the Gaussian denoiser 0 on all but novelty,
which for smooth Gaussian samples is what it is.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import torch

from denoscope.auditing.measuring import HALF, Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.metrics import Estimate, difference_of_fractions, fraction_interval, ratio_of_means

__all__ = ["COLLAPSED", "LOWEST", "Signal", "collapsed_band", "read_signals"]

COLLAPSED = 2.0  # the median input has fewer effective pictures than this
LOWEST = 0.1  # the paper's lower end of intermediate noise
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Signal:
    """One signal: value on the 0..1 scale with its standard error, and what it says in words."""

    name: str
    value: float
    se: float
    text: str

    @property
    def interval(self) -> tuple[float, float]:
        return self.value - Z * self.se, self.value + Z * self.se


def collapsed_band(recorder: Recorder, levels: list[Level], kind: str) -> list[Level]:
    """Levels where the multi-delta answers with single pictures, from `LOWEST` up."""
    band = []
    for level in levels:
        key = Key("effective_pictures", "multi_delta", "", kind, level.sigma, level.used)
        effective = recorder.values(key)
        if len(effective) and level.used >= LOWEST and float(effective.median()) < COLLAPSED:
            band.append(level)
    return band


def read_signals(recorder: Recorder, levels: list[Level]) -> list[Signal]:
    """Every signal that the measurements allow, in the order of the module's table."""
    kind = "held_out" if collapsed_band(recorder, levels, "held_out") else "noise"
    band = collapsed_band(recorder, levels, kind)
    found = [_copies(recorder), _novelty(recorder)]
    if band:
        found += [
            _gap(recorder, band),
            _position(recorder, band, kind),
            _linearity(recorder, band, kind),
        ]
    return [signal for signal in found if signal is not None and math.isfinite(signal.value)]


def _copies(recorder: Recorder) -> Signal | None:
    copied = recorder.values(Key("memorization_ratio", "network", "", "noise"))
    control = recorder.values(Key("memorization_ratio", "", "", "held_out"))
    if not len(copied):
        return None
    count, n = int(copied.sum()), len(copied)
    if len(control):
        value, low, high = difference_of_fractions(count, n, int(control.sum()), len(control))
        beside = f", against {control.mean():.1%} of held-out pictures"
    else:
        value, (low, high) = count / n, fraction_interval(count, n)
        beside = " (no held-out pictures to compare with)"
    text = f"{count} of {n} samples copy a training picture (d1/d2 < 1/3){beside}."
    return Signal("copies", value, (high - low) / (2 * Z), text)


def _novelty(recorder: Recorder) -> Signal | None:
    samples = recorder.values(Key("gl_pixel", "network", "", "noise"))
    control = recorder.values(Key("gl_pixel", "", "", "held_out"))
    if not len(samples) or not len(control):
        return None
    ratio = ratio_of_means(samples, control)
    text = (
        f"Samples lie at GL {samples.mean():.3f} from their nearest training picture, "
        f"new real pictures at {control.mean():.3f}: a ratio of {ratio.value:.2f}."
    )
    return Signal("novelty", 1 - ratio.value, ratio.se, text)


def _band_mean(recorder: Recorder, band: list[Level], key: Key) -> torch.Tensor | None:
    """Each picture's value averaged over the band, so that correlated levels count once."""
    columns = [
        recorder.values(key._replace(sigma=level.sigma, sigma_used=level.used)) for level in band
    ]
    if not columns or len({len(column) for column in columns}) != 1 or not len(columns[0]):
        return None
    return torch.stack(columns).mean(0)


def _gap(recorder: Recorder, band: list[Level]) -> Signal | None:
    errors: dict[tuple[str, str], torch.Tensor] = {}
    for name in ("network", "gaussian", "multi_delta"):
        for kind in ("train", "held_out"):
            squared = []
            for level in band:
                values = recorder.values(Key("rmse", name, "", kind, level.sigma, level.used))
                squared.append(values.square())
            if not len(squared[0]):
                return None
            errors[name, kind] = torch.stack(squared).mean(0)
    means = {key: float(value.mean()) for key, value in errors.items()}
    gaps = {name: means[name, "held_out"] - means[name, "train"] for name, _ in errors}
    span = gaps["multi_delta"] - gaps["gaussian"]
    if span <= 0:
        return None
    variance = 0.0
    for kind in ("train", "held_out"):
        paired = errors["network", kind] - errors["gaussian", kind]  # of the same pictures
        variance += float(paired.var()) / len(paired) if len(paired) > 1 else math.inf
    value = (gaps["network"] - gaps["gaussian"]) / span
    text = (
        f"RMS error on held-out inputs {means['network', 'held_out'] ** 0.5:.3f}, on training "
        "inputs "
        f"{means['network', 'train'] ** 0.5:.3f}, over {_span(band)}: {value:.0%} of the way "
        "from the Gaussian's "
        "gap to the multi-delta's."
    )
    return Signal("gap", value, math.sqrt(variance) / span, text)


def _position(recorder: Recorder, band: list[Level], kind: str) -> Signal | None:
    parts: list[Estimate] = []
    for level in band:
        key = Key("toward_multi_delta", "network", "", kind, level.sigma, level.used)
        estimate = recorder.estimate(key)
        if estimate is not None:
            parts.append(estimate)
    if not parts:
        return None
    value = sum(part.value for part in parts) / len(parts)
    se = sum(part.se for part in parts) / len(parts)  # levels share their noise: no averaging down
    shown = "held-out pictures" if kind == "held_out" else "pure noise"
    text = (
        f"Shown {shown} at {_span(band)}, the network stands at {value:.2f} between the Gaussian "
        "denoiser (0) "
        "and the multi-delta (1)."
    )
    return Signal("position", value, se, text)


def _linearity(recorder: Recorder, band: list[Level], kind: str) -> Signal | None:
    scores = {}
    for name in ("network", "gaussian", "multi_delta"):
        key = Key("linearity_cosine", name, "", kind, param=HALF)
        scores[name] = _band_mean(recorder, band, key)
    if any(score is None for score in scores.values()):
        return None
    network, gaussian, delta = scores["network"], scores["gaussian"], scores["multi_delta"]
    assert network is not None
    assert gaussian is not None
    assert delta is not None
    span = float((gaussian - delta).mean())
    if span <= 0 or len(network) < 2:
        return None
    fall = gaussian - network
    value = float(fall.mean()) / span
    residual = fall - value * (gaussian - delta)
    text = (
        f"Linearity score {network.mean():.3f} at {_span(band)}; the Gaussian denoiser has "
        f"{gaussian.mean():.3f}, "
        f"the multi-delta {delta.mean():.3f}."
    )
    return Signal("linearity", value, float(residual.std()) / span / math.sqrt(len(residual)), text)


def _span(band: list[Level]) -> str:
    if len(band) == 1:
        return f"sigma {band[0].used:.3g}"
    return f"sigma {band[-1].used:.3g} to {band[0].used:.3g}"
