"""A good denoiser opened wrongly, in each way that `check_model` should tell."""

from collections.abc import Callable

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, FunctionDenoiser, Spec
from denoscope.parametrisations import (
    ContinuousSchedule,
    DiscreteSchedule,
    as_prediction,
    from_epsilon,
    from_flow,
    from_score,
    from_velocity,
    from_x0,
)

__all__ = ["MISTAKES", "planted"]

LOWEST, HIGHEST = 0.002, 80.0
LINEAR, COSINE = DiscreteSchedule.linear(), DiscreteSchedule.cosine()
SCALED_LINEAR = DiscreteSchedule.scaled_linear()
STRAIGHT, PRESERVING = ContinuousSchedule.flow(), ContinuousSchedule.vp()
Answer = Callable[[Tensor, Tensor], Tensor]


def planted(name: str, good: Denoiser) -> Denoiser:
    """The mistake of that name made with `good`, which is asked within [0.002, 80] alone."""
    shape = good.spec.shape

    def at(x: Tensor, sigma: Tensor) -> Tensor:
        return good(x, sigma.double().reshape(-1).clamp(LOWEST, HIGHEST))

    def told(function: Answer) -> Denoiser:
        return FunctionDenoiser(function, Spec(name, shape, LOWEST, HIGHEST))

    any_level = FunctionDenoiser(at, Spec("any level", shape))

    def as_(kind, schedule=LINEAR, **settings):
        time = "index" if isinstance(schedule, DiscreteSchedule) else "t"
        return as_prediction(any_level, kind, schedule, time=time, **settings)

    def is_read_as(read, kind, schedule=LINEAR, true=None, **settings):
        time = "index" if isinstance(schedule, DiscreteSchedule) else "t"
        model = as_(kind, true or schedule)
        return read(model, schedule, shape, **{"time": time, **settings})

    def minus(read, kind):
        model = as_(kind)
        return read(lambda x, t: -model(x, t), LINEAR, shape, time="index")

    def unscaled(x: Tensor, sigma: Tensor) -> Tensor:
        """An epsilon network of a x, shown x."""
        wide = x * (1 + sigma**2).sqrt()
        return x - (wide - at(wide, sigma))

    def exchanged(change: Callable[[Tensor], Tensor]) -> Denoiser:
        return told(lambda x, sigma: change(at(change(x), sigma)))

    make: dict[str, Callable[[], Denoiser]] = {
        "range-0-1": lambda: from_epsilon(
            as_("epsilon", data_range=(0, 1)), LINEAR, shape, time="index"
        ),
        "range-not-0-1": lambda: is_read_as(from_epsilon, "epsilon", data_range=(0, 1)),
        "epsilon-read-as-velocity": lambda: is_read_as(from_velocity, "epsilon"),
        "velocity-read-as-epsilon": lambda: is_read_as(from_epsilon, "velocity"),
        "epsilon-read-as-x0": lambda: is_read_as(from_x0, "epsilon"),
        "x0-read-as-epsilon": lambda: is_read_as(from_epsilon, "x0"),
        "velocity-read-as-x0": lambda: is_read_as(from_x0, "velocity"),
        "score-read-as-epsilon": lambda: is_read_as(from_epsilon, "score"),
        "flow-read-as-epsilon": lambda: is_read_as(from_epsilon, "flow", STRAIGHT),
        "schedule-linear-read-as-cosine": lambda: is_read_as(
            from_epsilon, "epsilon", COSINE, LINEAR
        ),
        "schedule-cosine-read-as-linear": lambda: is_read_as(
            from_velocity, "velocity", LINEAR, COSINE
        ),
        "schedule-linear-read-as-scaled_linear": lambda: is_read_as(
            from_epsilon, "epsilon", SCALED_LINEAR, LINEAR
        ),
        "time-reversed": lambda: is_read_as(from_epsilon, "epsilon", time=lambda i: 999 - i),
        "time-scaled": lambda: from_epsilon(
            as_("epsilon", PRESERVING),
            PRESERVING,
            shape,
            time=lambda t: (t / 1000).clamp(min=PRESERVING.t_min),
        ),
        "sign-of-score": lambda: minus(from_score, "score"),
        "sign-of-velocity": lambda: minus(from_velocity, "velocity"),
        "sign-of-flow": lambda: is_read_as(from_flow, "flow", STRAIGHT, velocity="x0 - eps"),
        "residual": lambda: told(lambda x, sigma: x - at(x, sigma)),
        "input-not-scaled": lambda: told(unscaled),
        "sigma-halved": lambda: told(lambda x, sigma: at(x, sigma / 2)),
        "sigma-doubled": lambda: told(lambda x, sigma: at(x, 2 * sigma)),
        "inverted": lambda: exchanged(torch.neg),
        "transposed": lambda: exchanged(lambda x: x.transpose(2, 3)),
        "bgr": lambda: exchanged(lambda x: x.flip(1)),
    }
    if not name:
        return told(at)
    return make[name]()


MISTAKES = (
    "range-0-1",
    "range-not-0-1",
    "epsilon-read-as-velocity",
    "velocity-read-as-epsilon",
    "epsilon-read-as-x0",
    "x0-read-as-epsilon",
    "velocity-read-as-x0",
    "score-read-as-epsilon",
    "flow-read-as-epsilon",
    "schedule-linear-read-as-cosine",
    "schedule-cosine-read-as-linear",
    "schedule-linear-read-as-scaled_linear",
    "time-reversed",
    "time-scaled",
    "sign-of-score",
    "sign-of-velocity",
    "sign-of-flow",
    "residual",
    "input-not-scaled",
    "sigma-halved",
    "sigma-doubled",
    "inverted",
    "transposed",
)
"""Those that pictures of one channel show; "bgr" needs three."""
