"""What number a model is told for the time: each program counts in its own way."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.parametrisations.discrete_schedule import DiscreteSchedule
from denoscope.parametrisations.schedule import Schedule

__all__ = ["NamedTime", "TimeConvention", "check_time", "told", "understood"]

NamedTime = Literal["index", "index/T", "t", "sigma", "log-snr"]
TimeConvention = NamedTime | Callable[[Tensor], Tensor]
"""How a model is told the time.

"index": 0 to T - 1, int64, of a discrete schedule. "index/T": the same over T, in [0, 1). "t": the
continuous schedule's own time. "sigma": the level sigma(t) / alpha(t), in the units of the pictures
the model was trained on. "log-snr": ln(alpha^2 / sigma^2). A function: of the schedule's own time
(the index, or t), elementwise, e.g. `lambda t: 1000 * t`.
"""

ALLOWED = ", ".join(f'"{name}"' for name in get_args(NamedTime))


def check_time(time: TimeConvention, schedule: Schedule) -> None:
    """Raises InputError for no schedule, an unknown convention, or one that the schedule has not."""
    if not isinstance(schedule, Schedule):
        raise InputError(
            f"schedule is a {type(schedule).__name__}: give a denoscope.DiscreteSchedule or "
            "denoscope.ContinuousSchedule"
        )
    if not callable(time) and time not in get_args(NamedTime):
        raise InputError(
            f"time={time!r} is no convention: give {ALLOWED} or a function of the schedule's time"
        )
    discrete = isinstance(schedule, DiscreteSchedule)
    if time in ("index", "index/T") and not discrete:
        raise InputError(
            f'time="{time}" needs a DiscreteSchedule, and this one is continuous: give "t", '
            '"sigma", "log-snr" or a function of t, e.g. lambda t: 1000 * t'
        )
    if time == "t" and discrete:
        raise InputError(
            'time="t" needs a ContinuousSchedule, and this one is discrete: give "index", '
            '"index/T", or a function of the index, e.g. lambda i: (i + 1) / 1000'
        )


def told(time: TimeConvention, schedule: Schedule, t: Tensor, dtype: torch.dtype) -> Tensor:
    """What a model called in `dtype` is told at the schedule's own time t, elementwise.

    Integers stay int64, and no time is told in less than float32: in bfloat16 999 would be 1000.
    """
    if callable(time):
        value = torch.as_tensor(time(t))
        if value.shape != t.shape:
            raise InputError(
                f"the time function made shape {tuple(value.shape)} of {tuple(t.shape)}: make it "
                "elementwise"
            )
    elif time == "index/T" and isinstance(schedule, DiscreteSchedule):
        value = t.double() / len(schedule)
    elif time == "sigma":
        value = schedule.level(t)
    elif time == "log-snr":
        value = -2 * schedule.level(t).log()
    else:
        value = t
    return (
        value.to(torch.promote_types(dtype, torch.float32)) if value.is_floating_point() else value
    )


def understood(time: NamedTime, schedule: Schedule, value: Tensor) -> Tensor:
    """The schedule's own time, from what a model of this convention is told.

    Raises InputError where the schedule has no such time.
    """
    if time in ("sigma", "log-snr"):
        level = value.double() if time == "sigma" else (-value.double() / 2).exp()
        there = schedule.knows(level)
        t = schedule.time_of(level)
    elif isinstance(schedule, DiscreteSchedule):
        place = value.double() * (len(schedule) if time == "index/T" else 1)
        t = place.round().long()
        # Half of float32's digits are enough to tell one index of a million from the next.
        there = ((place - t).abs() < 1e-3) & (t >= 0) & (t < len(schedule))
        there &= schedule.alpha(t.clamp(0, len(schedule) - 1)) > 0
    else:
        t = value.double()
        there = schedule.knows(schedule.level(t))
    if not bool(there.all()):
        raise InputError(
            f'time {float(value[~there][0]):g} (as "{time}") is none of this schedule: it has '
            f"{schedule.note()}"
        )
    return t
