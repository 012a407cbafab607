"""Schedules of every kind, drawn by hypothesis, and times of theirs with alpha of 1e-3 or more."""

from collections.abc import Callable
from functools import partial

import torch
from hypothesis import strategies as st
from torch import Tensor

from denoscope.parametrisations import ContinuousSchedule, DiscreteSchedule, Schedule

__all__ = ["DATA_RANGES", "SMALLEST_ALPHA", "own_times", "schedules", "time_names"]

SMALLEST_ALPHA = 1e-3
DATA_RANGES = [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-0.5, 0.5), (3.0, 4.7)]
SIZES = st.integers(2, 60)


def _rising(draw, n: int, low: float, high: float) -> Tensor:
    """n values from low to high, strictly rising, at drawn distances."""
    steps = draw(st.lists(st.floats(0.1, 1.0), min_size=n, max_size=n))
    climbed = torch.tensor(steps, dtype=torch.float64).cumsum(0)
    return low + (high - low) * climbed / climbed[-1]


@st.composite
def schedules(draw) -> Callable[[], Schedule]:
    """A schedule yet to be made, by a call in the test itself.

    Signatures are checked by beartype, which picks elements with `random`; a strategy may not.
    """
    return draw(st.sampled_from(KINDS))(draw)


def _linear(draw) -> Callable[[], Schedule]:
    return partial(DiscreteSchedule.linear, draw(SIZES), 1e-4, draw(st.floats(0.02, 0.3)))


def _scaled_linear(draw) -> Callable[[], Schedule]:
    return partial(DiscreteSchedule.scaled_linear, draw(SIZES), 1e-3, draw(st.floats(0.012, 0.3)))


def _cosine(draw) -> Callable[[], Schedule]:
    return partial(DiscreteSchedule.cosine, draw(SIZES))


def _zero_terminal(draw) -> Callable[[], Schedule]:
    make = draw(st.sampled_from([_linear, _scaled_linear, _cosine]))(draw)
    return lambda: make().with_zero_terminal_snr()


def _any_table(draw) -> Callable[[], Schedule]:
    """alpha^2 + sigma^2 is not 1, and the index may run from noise to picture."""
    n = draw(SIZES)
    alphas, sigmas = _rising(draw, n, 1e-3, 3.0).flip(0), _rising(draw, n, 1e-3, 5.0)
    if draw(st.booleans()):
        alphas, sigmas = alphas.flip(0), sigmas.flip(0)
    return partial(DiscreteSchedule, alphas, sigmas)


def _vp(draw) -> Callable[[], Schedule]:
    return partial(ContinuousSchedule.vp, draw(st.floats(0.01, 1.0)), draw(st.floats(1.0, 20.0)))


def _ve(draw) -> Callable[[], Schedule]:
    return partial(ContinuousSchedule.ve, draw(st.floats(1e-3, 0.1)), draw(st.floats(1.0, 500.0)))


def _flow(draw) -> Callable[[], Schedule]:
    return partial(ContinuousSchedule.flow, draw(st.floats(0.2, 8.0)))


def _trigonometric(draw) -> Callable[[], Schedule]:
    """Without the inverse: the level is bracketed."""
    return partial(ContinuousSchedule, torch.cos, torch.sin, 1e-3, draw(st.floats(0.5, 1.569)))


def _backward(draw) -> Callable[[], Schedule]:
    """From noise to picture, alpha + sigma and alpha^2 + sigma^2 both far from 1."""
    power = draw(st.floats(0.5, 2.0))
    return partial(ContinuousSchedule, lambda t: 2 * t**power, lambda t: (1.1 - t) ** 2, 0.01, 1.0)


KINDS = [
    *[_linear, _scaled_linear, _cosine, _zero_terminal, _any_table],
    *[_vp, _ve, _flow, _trigonometric, _backward],
]


def own_times(schedule: Schedule, n: int) -> Tensor:
    """n of the schedule's own times from end to end, where alpha is large enough to divide by."""
    if isinstance(schedule, DiscreteSchedule):
        there = (schedule.alphas >= SMALLEST_ALPHA).nonzero().reshape(-1)
        return there[torch.linspace(0, len(there) - 1, n).round().long()]
    assert isinstance(schedule, ContinuousSchedule)
    inside = torch.linspace(schedule.t_min, schedule.t_max, 1000, dtype=torch.float64)
    inside = inside[schedule.alpha(inside) >= SMALLEST_ALPHA]
    return inside[torch.linspace(0, len(inside) - 1, n).round().long()]


def time_names(schedule: Schedule) -> list[str]:
    """The conventions that fit."""
    own = ["index", "index/T"] if isinstance(schedule, DiscreteSchedule) else ["t"]
    return [*own, "sigma", "log-snr"]
