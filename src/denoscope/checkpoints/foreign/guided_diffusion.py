"""Checkpoints of guided-diffusion (`ema_*.pt`, `256x256_diffusion_uncond.pt`; Dhariwal & Nichol 2021).

Such a file is the network's state, flat, and nothing else: tensors by the names of `GuidedUNet`.
Their shapes give the architecture. What no shape gives (the side of a picture, the schedule, the heads)
is taken as published with networks of that architecture, or stated by the caller.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign.torch_files import read_torch_file
from denoscope.checkpoints.imported import ImportedModel, ImportRecord, first_problem
from denoscope.errors import InputError
from denoscope.networks import NetworkSettings
from denoscope.parametrisations import DiscreteSchedule

__all__ = ["Unstated", "is_guided_state", "open_guided"]


@dataclass(frozen=True)
class Unstated:
    """What a checkpoint does not state. Either heads or head_width is given.

    side: of a picture. schedule: the table of steps, of which the network is told the index.
    heads: attention heads; head_width: or the channels of one. qkv_first: the "new attention order".
    """

    side: int
    schedule: DiscreteSchedule
    heads: int = 0
    head_width: int = 0
    qkv_first: bool = False


LINEAR, COSINE = "linear", "cosine"
# Channels of each level in units of half the model's, for networks that resample by residual
# blocks: side, schedule (1,000 steps), channels of a head (0: four heads), the order of qkv.
PUBLISHED = {
    (2, 4, 6, 8): (64, COSINE, 64, True),
    (2, 2, 4, 6, 8): (128, LINEAR, 0, False),
    (2, 2, 4, 4, 8, 8): (256, LINEAR, 64, False),
    (1, 2, 2, 4, 4, 8, 8): (512, LINEAR, 64, False),
}
FIRST, LAST, TIME = "input_blocks.0.0.weight", "out.2.weight", "time_embed.0.weight"


def is_guided_state(held: object) -> bool:
    """Whether this is a state of such a network."""
    return isinstance(held, dict) and {FIRST, LAST, TIME} <= held.keys()


def open_guided(path: Path, unstated: Unstated | None = None) -> ImportedModel:
    """The network of a checkpoint of guided-diffusion. Nothing in the file is executed.

    unstated: what the file does not say; None takes what was published with its architecture.
    Raises InputError for a file that holds anything else, is damaged, has values that are not finite,
    and, without `unstated`, for an architecture that was not published.
    """
    held, digest = read_torch_file(Path(path))
    return guided_model(held, digest, Path(path), unstated)


def guided_model(
    held: object, digest: str, path: Path, unstated: Unstated | None = None
) -> ImportedModel:
    """The same of a file that is read."""
    if not isinstance(held, dict) or not is_guided_state(held):
        raise InputError(f"{path} holds no state of a network of guided-diffusion")
    for name, value in held.items():
        if not isinstance(value, Tensor):
            raise InputError(f"{path}: {shown(name)} is no tensor")
    if sum(value.numel() for value in held.values()) > path.stat().st_size:
        raise InputError(f"{path} has tensors that share their values: no network's do")
    found = _Found(held, path)
    assumed = ""
    if unstated is None:
        unstated, assumed = found.published()
    schedule = unstated.schedule
    try:
        record = ImportRecord(
            family="guided-diffusion checkpoint",
            network=found.settings(unstated),
            sigma_min=schedule.level_min,
            sigma_max=schedule.level_max,
            source=path.name,
            source_hash=digest,
            assumed=assumed,
        )
    except ValidationError as error:
        raise InputError(
            f"{path} describes no network that this version has ({first_problem(error)})"
        ) from error
    weights = {f"model.{name}": value for name, value in held.items()}
    return ImportedModel(record, weights | {"alphas_cumprod": schedule.alphas**2}, path)


class _Found:
    """The architecture, as shapes and names give it."""

    def __init__(self, held: dict[str, Tensor], path: Path) -> None:
        self.held, self.path = held, path
        self.channels = self.shape(FIRST)[1]
        self.time_features = self.shape(TIME)[1]
        if (answers := self.shape(LAST)[0]) not in (self.channels, 2 * self.channels):
            raise InputError(
                f"{path} answers {answers} channels to {self.channels}: it is an upsampler or a "
                "classifier, and no denoiser of pictures"
            )
        self.variance = answers == 2 * self.channels
        ends = [step for step in range(self.count("output_blocks")) if self.goes_up(step)]
        self.blocks = ends[0] if ends else self.count("output_blocks") - 1
        self.conv_resampling = any(self.has("output_blocks", step, "conv") for step in ends)
        starts = [1 + level * (self.blocks + 1) for level in range(len(ends) + 1)]
        self.attends = [f"input_blocks.{step}.1.qkv.weight" in held for step in starts]
        convolutions = [f"input_blocks.{step}.0.in_layers.2.weight" for step in starts]
        self.widths = [self.shape(name)[0] for name in convolutions]
        told = self.shape("input_blocks.1.0.emb_layers.1.weight")[0]
        self.shift_only = told == self.widths[0]
        if min(self.widths) < 1 or self.time_features < 1:
            raise InputError(f"{path} has layers of no channels: no network's are")

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a matrix or a convolution that must be there, as four numbers at least."""
        if name not in self.held or self.held[name].ndim < 2:
            raise InputError(
                f"{self.path} is of a variant that this version has not: {name} is missing, or no "
                "layer"
            )
        return tuple(self.held[name].shape)

    def count(self, part: str) -> int:
        """Steps of a part, numbered from 0 without a gap."""
        steps = {name.split(".")[1] for name in self.held if name.startswith(f"{part}.")}
        return next(step for step in range(len(steps) + 1) if str(step) not in steps)

    def has(self, part: str, step: int, layer: str) -> bool:
        """Whether a step has such a layer behind its first."""
        return any(f"{part}.{step}.{place}.{layer}.weight" in self.held for place in (1, 2))

    def goes_up(self, step: int) -> bool:
        return any(self.has("output_blocks", step, layer) for layer in ("conv", "in_layers.0"))

    def published(self) -> tuple[Unstated, str]:
        """What was published with this architecture, and the same in words."""
        ratios = tuple(2 * width // self.time_features for width in self.widths)
        known = None if self.conv_resampling or self.shift_only else PUBLISHED.get(ratios)
        if known is None:
            raise InputError(
                f"{self.path} is of no architecture published with guided-diffusion, and does not "
                "say side, schedule and heads: state them in a factory of yours, "
                "open_guided(path, Unstated(side=, schedule=, heads=)).denoiser"
            )
        side, schedule, head_width, qkv_first = known
        heads = f"heads of {head_width} channels" if head_width else "4 heads"
        order = "new" if qkv_first else "old"
        assumed = f"side {side}, 1000 steps, {schedule}, {heads}, {order} attention order"
        table = DiscreteSchedule.cosine() if schedule == COSINE else DiscreteSchedule.linear()
        return Unstated(side, table, 0 if head_width else 4, head_width, qkv_first), assumed

    def settings(self, unstated: Unstated) -> NetworkSettings:
        """Raises ValidationError for sizes that no network here has."""
        width, side = math.gcd(*self.widths), unstated.side
        labels = self.held.get("label_emb.weight")
        return NetworkSettings.model_validate(
            {
                "arch": "guided",
                "shape": [self.channels, side, side],
                "preconditioning": "table",
                "steps": len(unstated.schedule),
                "width": width,
                "multipliers": [one // width for one in self.widths],
                "blocks": self.blocks,
                "attention": [side >> level for level, there in enumerate(self.attends) if there],
                "label_dim": 0 if labels is None else len(labels),
                "guided": {
                    "heads": unstated.heads,
                    "head_width": unstated.head_width,
                    "time_features": self.time_features,
                    "conv_resampling": self.conv_resampling,
                    "shift_only": self.shift_only,
                    "qkv_first": unstated.qkv_first,
                    "variance": self.variance,
                },
            }
        )
