"""What a scheduler of diffusers says of the model beside it: prediction, schedule, time, range.

A scheduler's file states how a model was trained and how it is sampled. Only the first is read:
spacings, shifts, Karras sigmas and clipping choose what a sampler visits, not what the model answers.

    alphas_cumprod      x_t = sqrt(abar_i) x0 + sqrt(1 - abar_i) eps, told i      DDPM, DDIM, PNDM, Euler, ...
    EDM                 D = c_skip x + c_out F(c_in x, ln(sigma) / 4)             Karras et al. 2022, table 1
    flow                x_t = (1 - t) x0 + t eps, told N t                        FlowMatchEuler, flow sigmas
    VE                  x_t = x0 + sigma eps, told sigma, answers the score       ScoreSdeVe
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from denoscope.checkpoints.diffusers_models.library import made, quietly_imported
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError
from denoscope.parametrisations import (
    ContinuousSchedule,
    DiscreteSchedule,
    Prediction,
    PredictionDenoiser,
    Schedule,
    TimeConvention,
)

__all__ = ["Taught", "taught"]

TABLES = (
    *("DDPMScheduler", "DDPMParallelScheduler", "DDIMScheduler", "DDIMParallelScheduler"),
    *("PNDMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"),
    *("HeunDiscreteScheduler", "LMSDiscreteScheduler", "KDPM2DiscreteScheduler"),
    *("KDPM2AncestralDiscreteScheduler", "DPMSolverMultistepScheduler"),
    *("DPMSolverSinglestepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler"),
)
EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
FLOWS = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler")
VE = "ScoreSdeVeScheduler"
KNOWN = (*TABLES, *EDM, *FLOWS, VE)
PREDICTIONS: dict[str, Prediction] = {
    "epsilon": "epsilon",
    "v_prediction": "velocity",
    "sample": "x0",
    "original_sample": "x0",
}
MOST_STEPS = 100_000


@dataclass(frozen=True)
class Taught:
    """How a network was trained: what it answers, to which x_t, told which time."""

    prediction: Prediction
    schedule: Schedule
    time: TimeConvention
    words: str
    """For people: "epsilon, linear schedule of 1000"."""
    steps: int = 1000
    """How many times a flow's time of 1 is told as."""
    data_range: tuple[float, float] = (-1.0, 1.0)
    sigma_data: float | None = None
    """Where EDM's preconditioning stands around the network."""
    sign: float = 1.0
    """Of the network's answer in that preconditioning."""

    def denoiser(self, network: nn.Module, shape: tuple[int, int, int]) -> PredictionDenoiser:
        """D(x; sigma) of a network called as network(x_t, t), in evaluation mode."""
        if self.sigma_data is not None:
            network = _Preconditioned(network, self.sigma_data, self.sign).eval()
        return PredictionDenoiser(
            network,
            self.prediction,
            self.schedule,
            shape,
            time=self.time,
            data_range=self.data_range,
            name="network",
        )


def taught(config: dict[str, Any], where: str) -> Taught:
    """Of a scheduler's configuration, as its file has it.

    Raises InputError for a scheduler that is none of KNOWN, or of settings that no model has.
    """
    name = config.get("_class_name")
    if not isinstance(name, str) or name not in KNOWN:
        raise InputError(
            f"{where} names the scheduler {shown(name)}: known are {', '.join(KNOWN[:4])} and "
            f"{len(KNOWN) - 4} more, all of diffusers; give a model of one of them"
        )
    steps = config.get("num_train_timesteps", 1000)
    if type(steps) is not int or not 0 < steps <= MOST_STEPS:
        raise InputError(
            f"{where} has num_train_timesteps {shown(steps)}: a model has 1 to {MOST_STEPS:,}"
        )
    if name in EDM or _is_continuous_euler(config, name):
        return _edm(config, name, where)
    if name in FLOWS or config.get("use_flow_sigmas") is True:
        return _flow(config, steps, where)
    return _ve(config, where) if name == VE else _table(config, name, where)


def _table(config: dict[str, Any], name: str, where: str) -> Taught:
    kind = config.get("prediction_type", "epsilon")
    if config.get("predict_epsilon") is False:  # how files before prediction_type said it
        kind = "sample"
    prediction = _prediction(kind, where)
    library = quietly_imported("diffusers", where)
    scheduler: Any = made(getattr(library, name), config, where)
    abar = torch.as_tensor(scheduler.alphas_cumprod).double()
    if config.get("rescale_betas_zero_snr") is True and len(abar):
        # Zero by definition. Some schedulers write 2^-24 for it, so that they can begin there.
        abar[-1] = 0.0
    try:
        schedule = DiscreteSchedule.of_alphas_cumprod(abar)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    betas = config.get("beta_schedule", "linear") if config.get("trained_betas") is None else "own"
    zero = " with zero terminal SNR" if schedule.left_out else ""
    words = f"{kind}, {shown(betas)} schedule of {len(schedule)}{zero}"
    return Taught(prediction, schedule, "index", words)


def _edm(config: dict[str, Any], name: str, where: str) -> Taught:
    """EDM's own schedulers, and Euler's continuous time, which is EDM's with sigma_data = 1."""
    kind = config.get("prediction_type", "epsilon")
    if kind not in ("epsilon", "v_prediction"):
        raise InputError(
            f"{where} has prediction_type {shown(kind)} under EDM's preconditioning: known are "
            "epsilon and v_prediction"
        )
    own, low, high = (0.5, 0.002, 80.0)
    if name not in EDM:  # Euler's range is that of its betas where it states none
        table = _table(config, name, where).schedule
        own, low, high = 1.0, table.level_min, table.level_max
    sigma_data = _positive(config, "sigma_data", own, where)
    low = _positive(config, "sigma_min", low, where)
    high = _positive(config, "sigma_max", high, where)
    words = f"EDM's preconditioning of sigma_data {sigma_data:g}"
    return Taught(
        "x0",
        ContinuousSchedule.ve(low, high),
        "sigma",
        words if kind == "epsilon" else f"{words}, v_prediction",
        sigma_data=sigma_data,
        sign=1.0 if kind == "epsilon" else -1.0,
    )


def _flow(config: dict[str, Any], steps: int, where: str) -> Taught:
    kind = config.get("prediction_type", "flow_prediction")
    if kind != "flow_prediction":
        raise InputError(
            f"{where} has prediction_type {shown(kind)} and sigmas of a flow: known is "
            "flow_prediction"
        )
    if config.get("invert_sigmas") is True:
        raise InputError(
            f"{where} has invert_sigmas, a flow whose time runs the other way: open it in Python, "
            "with denoscope.from_flow"
        )

    def told(t: Tensor) -> Tensor:
        return steps * t

    return Taught("flow", ContinuousSchedule.flow(), told, "flow", steps=steps)


def _ve(config: dict[str, Any], where: str) -> Taught:
    """The network answers the score of pictures in [0, 1], and is told sigma in their units."""
    low = _positive(config, "sigma_min", 0.01, where)
    high = _positive(config, "sigma_max", 1348.0, where)
    schedule = ContinuousSchedule.ve(low, high)
    return Taught("score", schedule, "sigma", "score, variance exploding", data_range=(0.0, 1.0))


class _Preconditioned(nn.Module):
    """D = c_skip x + sign c_out F(c_in x, ln(sigma) / 4), told sigma.

    With d = sigma_data: c_skip = d^2 / (sigma^2 + d^2), c_out = sigma d / sqrt(sigma^2 + d^2),
    c_in = 1 / sqrt(sigma^2 + d^2) (Karras et al. 2022, table 1). F of v_prediction has the opposite
    sign: it is Salimans and Ho's v of x0 / d.
    """

    def __init__(self, network: nn.Module, sigma_data: float, sign: float) -> None:
        super().__init__()
        self.network, self.sigma_data, self.sign = network, sigma_data, sign

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        level = sigma.reshape(-1, 1, 1, 1)
        total = level**2 + self.sigma_data**2
        answer = self.network(x * total.rsqrt().to(x.dtype), sigma.log() / 4)
        skip, out = self.sigma_data**2 / total, self.sign * level * self.sigma_data * total.rsqrt()
        return skip * x + out * answer


def _is_continuous_euler(config: dict[str, Any], name: str) -> bool:
    """Euler tells ln(sigma) / 4 where both of these are set, and the index otherwise."""
    both = (config.get("timestep_type"), config.get("prediction_type"))
    return name == "EulerDiscreteScheduler" and both == ("continuous", "v_prediction")


def _prediction(kind: object, where: str) -> Prediction:
    if not isinstance(kind, str) or kind not in PREDICTIONS:
        raise InputError(
            f"{where} has prediction_type {shown(kind)}: known are {', '.join(PREDICTIONS)}, and "
            "flow_prediction of a flow"
        )
    return PREDICTIONS[kind]


def _positive(config: dict[str, Any], name: str, default: float, where: str) -> float:
    value = config.get(name)
    value = default if value is None else value
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise InputError(f"{where} has {name} {shown(value)}: a model has a positive number")
    return float(value)
