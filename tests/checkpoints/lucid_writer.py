"""Checkpoints in the format of denoising-diffusion-pytorch's trainer, from networks of this project."""

from typing import Any

import torch
from torch import Tensor

from checkpoints.edm_writer import wave_weights
from denoscope import DiscreteSchedule
from denoscope.networks import NetworkSettings, build_network


def lucid_record(
    settings: NetworkSettings, schedule: DiscreteSchedule, version: str = "2.3.1", bound: float = 0
) -> dict[str, Any]:
    """What the trainer saves. The network of `model` is zero, that of `ema` by a rule.

    bound: of the signal to noise in the weights of the loss (Hang et al. 2023); 0: none.
    """
    network = build_network(settings)
    wave_weights(network)
    weights = {name: value / 2 for name, value in network.model.state_dict().items()}
    averaged = state(weights, schedule, settings, version, bound)
    model = {name: value * (not name.startswith("model.")) for name, value in averaged.items()}
    ema = {"initted": torch.tensor(True), "step": torch.tensor(7)}
    ema |= {f"ema_model.{name}": value for name, value in averaged.items()}
    slots = {place: {"exp_avg": value} for place, value in enumerate(weights.values())}
    groups = [{"lr": 1e-4, "betas": (0.9, 0.99), "params": list(slots)}]
    optimizer = {"state": slots, "param_groups": groups}
    saved = {"step": 7, "model": model, "opt": optimizer, "ema": ema, "scaler": None}
    return saved | ({"version": version} if version else {})


def state(
    weights: dict[str, Tensor],
    schedule: DiscreteSchedule,
    settings: NetworkSettings,
    version: str,
    bound: float,
) -> dict[str, Tensor]:
    """A diffusion's: its tables in float32, and its network as that release names it."""
    abar, noise = schedule.alphas**2, schedule.sigmas**2
    signal = abar / noise
    clipped = signal.clamp(max=bound) if bound else signal
    over = {"epsilon": signal, "x0": torch.ones_like(signal), "velocity": signal + 1}
    tables = {
        "betas": 1 - abar / torch.cat([torch.ones(1), abar[:-1]]),
        "alphas_cumprod": abar,
        "sqrt_one_minus_alphas_cumprod": schedule.sigmas,
    }
    old = version.startswith(("0.", "1.0", "1.6", "1.7"))
    if version.startswith(("0.", "1.0")):
        tables["p2_loss_weight"] = torch.ones_like(signal)
    else:
        tables["loss_weight"] = clipped / over[settings.prediction]
    named = {older(name) if old else name: value for name, value in weights.items()}
    return {
        **{name: value.float() for name, value in tables.items()},
        **{f"model.{name}": value for name, value in named.items()},
    }


def older(name: str) -> str:
    """The name of a weight of attention before 1.8."""
    for part, wrapped in (("to_", "fn.fn.to_"), ("norm.g", "fn.norm.g")):
        attention = "attn." in name or name.split(".")[2:3] == ["2"]
        if attention and f".{part}" in name and "to_out.1" not in name:
            return name.replace(f".{part}", f".{wrapped}")
    return name.replace(".to_out.1", ".fn.fn.to_out.1")
