"""Checkpoints of denoising-diffusion-pytorch's trainer (`model-*.pt`; Phil Wang, since version 0.1.0).

Such a file is a dictionary of states: `model`, a diffusion with its network under `model.` and its
tables beside it, and `ema`, the same averaged, under `ema_model.`. Shapes and names give the
architecture, the tables the schedule, and the weights of the loss what the network predicts. Nothing
gives the side of a picture: the network is convolutional, so its caller states it.
"""

import re
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign.torch_files import read_torch_file
from denoscope.checkpoints.imported import ImportedModel, ImportRecord, first_problem
from denoscope.errors import InputError
from denoscope.networks import NetworkSettings, TablePrediction
from denoscope.parametrisations import DiscreteSchedule

__all__ = ["is_lucid_state", "lucid_model", "open_lucid"]

FIRST, LAST, TIME = "init_conv.weight", "final_conv.weight", "time_mlp.1.weight"
TABLE = "alphas_cumprod", "sqrt_one_minus_alphas_cumprod"
MOST_STEPS = 1_000_000
USUAL_HEADS = 4
# Releases whose normalization no name shows: up to the first, and from the second on (of one day).
STANDARDIZED_BEFORE, GROUP_FROM = (1, 7, 1), (1, 7, 4)


def is_lucid_state(held: object) -> bool:
    """Whether this is what such a file holds."""
    model = held.get("model") if isinstance(held, dict) else None
    return isinstance(model, dict) and {f"model.{FIRST}", *TABLE} <= model.keys()


def open_lucid(
    path: Path, size: int | None = None, prediction: TablePrediction | None = None
) -> ImportedModel:
    """The averaged network of a trainer's checkpoint. Nothing in the file is executed.

    size: the side of a picture in pixels. prediction: what the network predicts; None takes what the
    weights of its loss say. Raises InputError for a file that holds anything else, is damaged, has
    values that are not finite, or leaves open what is not stated.
    """
    held, digest = read_torch_file(Path(path))
    return lucid_model(held, digest, Path(path), size, prediction)


def lucid_model(
    held: object,
    digest: str,
    path: Path,
    size: int | None = None,
    prediction: TablePrediction | None = None,
) -> ImportedModel:
    """The same of a file that is read."""
    if not isinstance(held, dict) or not is_lucid_state(held):
        raise InputError(f"{path} holds no checkpoint of denoising-diffusion-pytorch")
    found = _Found(held, path)
    if sum(value.numel() for value in found.state.values()) > path.stat().st_size:
        raise InputError(f"{path} has tensors that share their values: no network's do")
    if size is None:
        raise InputError(
            f"{path} does not say the size of its pictures: import it once with `denoscope import "
            f"{path.name} --size PIXELS --out DIR`, and give that folder"
        )
    schedule = found.schedule()
    assumed = [f"pictures of {size} x {size} over [-1, 1]", "waves of period 10000"]
    if prediction is None:
        prediction, told = found.prediction(schedule)
        assumed += [] if told else [f"predicts {prediction}"]
    try:
        settings = found.settings(size, len(schedule), prediction)
        assumed += [f"{USUAL_HEADS} attention heads"] if not found.memory else []
        assumed += ["groups of 8 channels"] if found.normalization != "rms" else []
        record = ImportRecord(
            family=f"denoising-diffusion-pytorch checkpoint ({found.whose})",
            network=settings,
            sigma_min=schedule.level_min,
            sigma_max=schedule.level_max,
            source=path.name,
            source_hash=digest,
            assumed=", ".join(assumed),
        )
    except ValidationError as error:
        raise InputError(
            f"{path} describes no network that this version has ({first_problem(error)})"
        ) from error
    weights = {f"model.{name}": value for name, value in found.network.items()}
    return ImportedModel(record, weights | {"alphas_cumprod": schedule.alphas**2}, path)


class _Found:
    """What names, shapes and tables say."""

    def __init__(self, held: dict[Any, Any], path: Path) -> None:
        self.path = path
        ema, averaged = held.get("ema"), {}
        if isinstance(ema, dict):
            averaged = _under("ema_model.", ema)
        if averaged and not is_lucid_state({"model": averaged}):
            raise self.variant("the averaged model is another than the model")
        state = averaged or held["model"]
        for name, value in state.items():
            if not isinstance(name, str) or not isinstance(value, Tensor):
                raise InputError(f"{path}: {shown(name)} is no tensor")
        self.state: dict[str, Tensor] = state
        network = _under("model.", state)
        wrapped = any(".fn." in name for name in network)  # how attention was named before 1.8
        version = held.get("version")
        told = f"version {shown(version)}" if isinstance(version, str) else "no version"
        self.whose = f"{told}, {'averaged' if averaged else 'not averaged'} weights"
        self.network = {re.sub(r"(\.fn)+\.", ".", name): value for name, value in network.items()}
        self.memory = "mid_attn.mem_kv" in self.network
        if "mid_block1.block1.norm.g" in self.network:
            self.normalization = "rms"
        else:
            self.normalization = self.older(version) if wrapped else "group"
        levels = {name.split(".")[1] for name in self.network if name.startswith("downs.")}
        self.levels = next(n for n in range(len(levels) + 1) if str(n) not in levels)

    def variant(self, why: str) -> InputError:
        return InputError(f"{self.path} is of a variant that this version has not: {why}")

    def older(self, version: object) -> str:
        """Of a release before 1.8, whose names are the same while what they stand for changed."""
        number = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})", str(version)[:20])
        parts = tuple(map(int, number.groups())) if number else ()
        if not number or STANDARDIZED_BEFORE <= parts < GROUP_FROM:
            raise self.variant(
                f"version {shown(version)}, where 0.1.0 to 1.7.0 and those from 1.7.4 on are known"
            )
        return "standardized" if parts < STANDARDIZED_BEFORE else "group"

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Of a tensor that must be there."""
        value = self.network.get(name)
        if value is None or value.ndim != dimensions:
            raise self.variant(f"{shown(name)} is missing, or no layer")
        return tuple(value.shape)

    def schedule(self) -> DiscreteSchedule:
        """Of its tables, each where it has the digits: abar below 1/2, and 1 - abar above."""
        abar, noise = (self.state[name] for name in TABLE)
        abar, noise = abar.double(), noise.double()
        fit = abar.ndim == 1 and abar.shape == noise.shape and 1 <= len(abar) <= MOST_STEPS
        if not fit or not torch.allclose(abar + noise**2, torch.ones(()).double(), rtol=1e-5):
            raise InputError(f"{self.path} is damaged: its tables of steps do not fit each other")
        return DiscreteSchedule.of_alphas_cumprod(torch.where(abar < 0.5, abar, 1 - noise**2))

    def prediction(self, schedule: DiscreteSchedule) -> tuple[TablePrediction, bool]:
        """What the network predicts, and whether the file says so.

        The loss of x0 has the weight s = alpha^2 / sigma^2 (or min(s, g), Hang et al. 2023), that of
        epsilon the same over s, and that of v over s + 1. Before 1.5.0 there was no such weight.
        """
        weight = self.state.get("loss_weight")
        if weight is None:
            return "epsilon", False
        signal = (schedule.alphas / schedule.sigmas) ** 2
        if weight.shape != signal.shape:
            raise InputError(f"{self.path} is damaged: its tables of steps do not fit each other")
        weight = weight.double()
        over: dict[TablePrediction, Tensor] = {
            "epsilon": weight * signal,
            "x0": weight,
            "velocity": weight * (signal + 1),
        }
        fits: list[TablePrediction] = [
            name
            for name, one in over.items()
            if torch.allclose(one, signal.clamp(max=float(one.max())), rtol=1e-4, atol=0)
        ]
        if len(fits) != 1:
            raise InputError(
                f"{self.path} weighs its loss in no known way, and does not say what it predicts: state "
                "it in a factory of yours, open_lucid(path, size, prediction).denoiser"
            )
        return fits[0], True

    def settings(self, side: int, steps: int, prediction: str) -> NetworkSettings:
        """Raises ValidationError for sizes that no network here has."""
        first, inputs = self.shape(FIRST, 4)[:2]
        answers, width = self.shape(LAST, 4)[0], self.shape(TIME, 2)[1]
        if "time_mlp.0.weights" in self.network or not width:
            raise self.variant("a learned embedding of the time")
        channels = min(inputs, answers)
        if inputs not in (channels, 2 * channels) or answers not in (channels, 2 * channels):
            raise self.variant(f"{inputs} channels, answered by {answers}")
        last = self.levels - 1
        outer = [
            self.shape(f"downs.{level}.3.{'1.' if level < last else ''}weight", 4)[0]
            for level in range(self.levels)
        ]
        if stray := [one for one in outer if one % width]:
            raise self.variant(f"{stray[0]} channels, no multiple of {width}")
        heads, head_widths = self.heads()
        return NetworkSettings.model_validate(
            {
                "arch": "lucid",
                "shape": [channels, side, side],
                "preconditioning": "table",
                "steps": steps,
                "prediction": prediction,
                "width": width,
                "multipliers": [one // width for one in outer],
                "lucid": {
                    "first": first,
                    "full": [
                        f"downs.{level}.2.to_out.weight" in self.network
                        for level in range(self.levels)
                    ],
                    "heads": heads,
                    "head_widths": head_widths,
                    "memory": self.memory,
                    "normalization": self.normalization,
                    "self_condition": inputs == 2 * channels,
                    "variance": answers == 2 * channels,
                },
            }
        )

    def heads(self) -> tuple[list[int], list[int]]:
        """Of each level: as its memory shows, or the usual number where it has none."""
        places = [f"downs.{level}.2" for level in range(self.levels)]
        rows = [self.shape(f"{place}.to_qkv.weight", 4)[0] // 3 for place in places]
        heads = [
            self.shape(f"{place}.mem_kv", 4)[1] if self.memory else USUAL_HEADS for place in places
        ]
        return heads, [row // max(1, head) for row, head in zip(rows, heads, strict=True)]


def _under(prefix: str, state: dict[Any, Any]) -> dict[str, Any]:
    """What is under this prefix, by the rest of its name."""
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if isinstance(name, str) and name.startswith(prefix)
    }
