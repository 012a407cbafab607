"""The signals a verdict rests on, each on a scale where 0 is generalizing and 1 is memorizing.

    copies      share of samples that copy a training picture (d1/d2 < 1/3), less that of real pictures
    novelty     1 - GL(samples) / GL(real pictures): how much nearer to the training set than new ones
    gap         1 - MSE(train) / MSE(held out) of the network's denoising
    position    (t - t*) / (1 - t*): t is where the network lies between the Gaussian (0) and the
                multi-delta (1) on held-out inputs, t* where the optimal denoiser of the population
                does (`measuring`: the clean pictures give it without knowing that denoiser)
    linearity   how far the linearity score falls from the Gaussian's towards the multi-delta's

Gap, position and linearity are read in the band of levels where they can tell the two apart: the
multi-delta has collapsed onto few pictures (median effective number below `COLLAPSED`; at higher noise
it is close to right, and closeness to it is no sign of memorization) and sigma is at least `LOWEST`
(below it every denoiser is close to the identity). Each pools its band, so that no single level decides.

Real pictures are held-out ones. Without them copies and novelty are compared with training pictures
measured against the rest of the training set, linearity is read on pure noise, gap and position are
missing.

The multi-delta of the training set scores 1 on position and linearity and close to it on the rest, the
Gaussian denoiser 0 or less on copies, position and linearity.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import torch

from denoscope.auditing.measuring import HALF, Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.metrics import difference_of_fractions, ratio_of_means

__all__ = ["COLLAPSED", "LOWEST", "Signal", "collapsed_band", "read_signals"]

COLLAPSED = 3.0  # the median input has fewer effective pictures than this
LOWEST = 0.3
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
    band = collapsed_band(recorder, levels, "held_out")
    found = [_copies(recorder), _novelty(recorder)]
    if band:
        found += [_gap(recorder, band), _position(recorder, band)]
    kind = "held_out" if band else "noise"
    if band := band or collapsed_band(recorder, levels, "noise"):
        found.append(_linearity(recorder, band, kind))
    return [signal for signal in found if signal is not None and math.isfinite(signal.value)]


def _control(recorder: Recorder, metric: str) -> tuple[torch.Tensor, str]:
    """A sample metric of real pictures: held-out ones, or training pictures against the rest."""
    held_out = recorder.values(Key(metric, "", "", "held_out"))
    if len(held_out):
        return held_out, "held-out pictures"
    return recorder.values(Key(metric, "", "", "train")), "training pictures against the others"


def _copies(recorder: Recorder) -> Signal | None:
    copied = recorder.values(Key("memorization_ratio", "network", "", "noise"))
    control, real = _control(recorder, "memorization_ratio")
    if not len(copied) or not len(control):
        return None
    count, n = int(copied.sum()), len(copied)
    value, low, high = difference_of_fractions(count, n, int(control.sum()), len(control))
    text = (
        f"{count} of {n} samples copy a training picture (d1/d2 < 1/3); of {real} "
        f"{int(control.sum())} of {len(control)} pass that test."
    )
    return Signal("copies", value, (high - low) / (2 * Z), text)


def _novelty(recorder: Recorder) -> Signal | None:
    samples = recorder.values(Key("gl_pixel", "network", "", "noise"))
    control, real = _control(recorder, "gl_pixel")
    if not len(samples) or not len(control):
        return None
    ratio = ratio_of_means(samples, control)
    text = (
        f"Samples lie at GL {samples.mean():.3f} from their nearest training picture, {real} at "
        f"{control.mean():.3f}: a ratio of {ratio.value:.2f}."
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
    squared = {}
    for kind in ("train", "held_out"):
        columns = [
            recorder.values(Key("rmse", "network", "", kind, level.sigma, level.used))
            for level in band
        ]
        if not len(columns[0]):
            return None
        squared[kind] = torch.stack(columns).square().mean(0)
    ratio = ratio_of_means(squared["train"], squared["held_out"])
    train, held_out = (float(squared[kind].mean()) ** 0.5 for kind in ("train", "held_out"))
    text = (
        f"At {_span(band)} the network's RMS error is {held_out:.3f} on held-out inputs and "
        f"{train:.3f} on training inputs."
    )
    return Signal("gap", 1 - ratio.value, ratio.se, text)


def _position(recorder: Recorder, band: list[Level]) -> Signal | None:
    excesses = []
    for level in band:
        key = Key("toward_multi_delta", "network", "", "held_out", level.sigma, level.used)
        network, ideal = recorder.estimate(key), recorder.estimate(key._replace(denoiser="clean"))
        if network is not None and ideal is not None and ideal.value < 1:
            excess = (network.value - ideal.value) / (1 - ideal.value)
            se = math.hypot(network.se, (1 - excess) * ideal.se) / (1 - ideal.value)
            excesses.append((excess, se, network.value, ideal.value))
    if not excesses:
        return None
    # Levels share their noise, so averaging over them does not average the error down.
    value, se, position, best = (
        sum(column) / len(excesses) for column in zip(*excesses, strict=True)
    )
    text = (
        f"Shown held-out pictures at {_span(band)}, the network stands at {position:.2f} between the "
        f"Gaussian denoiser (0) and the multi-delta (1), where the best possible denoiser stands at "
        f"{best:.2f}."
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
