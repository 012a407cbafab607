"""What each network of diffusers is told of a class, a prompt, or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from denoscope.checkpoints.conditions import Condition
from denoscope.checkpoints.diffusers_models.folders import DiffusersFolder
from denoscope.checkpoints.diffusers_models.prompted import PROMPTED, prompted
from denoscope.checkpoints.diffusers_models.sdxl import TEXT_TIME
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["Told", "told"]

# Settings of a network that is told something else too.
BESIDE_PROMPTS = (
    *("addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim"),
    *("encoder_hid_dim_type", "time_cond_proj_dim"),
)
ADDED = ("text", TEXT_TIME)  # of the prompt itself, and what SDXL is told


@dataclass(frozen=True)
class Told:
    """Keywords of a network's call, each a tensor of one row that all pictures share."""

    given: Mapping[str, Tensor] = field(default_factory=dict)
    none: Mapping[str, Tensor] | None = None
    """The same without the condition, where guidance asks for both."""
    words: str = ""
    """For `Model.condition`."""
    files: tuple[Path, ...] = ()
    """What was read for it."""


def told(folder: DiffusersFolder, condition: Condition) -> Told:
    """Raises InputError for a condition that the network does not take, or needs and was not given."""
    if folder.kind in PROMPTED:
        return _by_prompt(folder, condition)
    if condition.prompt is not None:
        raise InputError(
            f"{folder.root} holds a {folder.kind}, which takes no prompt: leave prompt= out"
        )
    if folder.kind == "DiTTransformer2DModel":
        return _by_class(folder, condition, "num_embeds_ada_norm", has_none=True)
    if folder.config.get("class_embed_type") is not None:
        raise InputError(
            f"{folder.network} has class_embed_type {shown(folder.config['class_embed_type'])}: open "
            "it in Python, with a lambda that gives its class, and denoscope.from_epsilon or its kin"
        )
    if folder.config.get("num_class_embeds") is not None:
        return _by_class(folder, condition, "num_class_embeds", has_none=False)
    if condition:
        raise InputError(f"{folder.root} takes no condition: leave away what is behind the #")
    return Told()


def _by_prompt(folder: DiffusersFolder, condition: Condition) -> Told:
    """A prompt, or none, through the text encoders in the pipeline or beside the network.

    A UNet2DConditionModel may have classes too, and no class for none: guidance is between prompts.
    """
    known = []
    if folder.kind == "UNet2DConditionModel":
        known = ["num_class_embeds"]
        if folder.config.get("addition_embed_type") in ADDED:
            known.append("addition_embed_type")
    for name in BESIDE_PROMPTS:
        if name not in known and folder.config.get(name) is not None:
            raise InputError(
                f"{folder.network} is told more than a prompt ({name} {shown(folder.config[name])}): open "
                "it in Python, with a lambda that gives it, and denoscope.from_epsilon or its kin"
            )
    label, prompt, guidance = condition.label, condition.prompt, condition.guidance
    classed, classes = {}, ""
    if folder.config.get("num_class_embeds") is not None:
        count = _classes(folder, "num_class_embeds")
        if label is None or (prompt is None and guidance is not None):
            raise InputError(
                f"{folder.root} is told a class of {count} beside its prompt, and guided from no prompt to "
                f"one: give {folder.root}#class=0,prompt=..., or #class=0 alone without guidance"
            )
        _check_label(folder, label, count)
        classed, classes = {"class_labels": torch.tensor([label])}, f", class {label} of {count}"
    elif label is not None:
        raise InputError(
            f"{folder.root} takes a prompt and no class: give {folder.root}#prompt=..."
        )
    found = prompted(folder, [prompt, None])
    given, none = ({**row, **classed} for row in found.rows)
    files = found.files
    empty = found.none if prompt is None else "the empty prompt"
    words = (f"prompt {shown(prompt)!r}" if prompt else empty) + classes + found.beside
    if folder.config.get("guidance_embeds") is True:
        # Distilled: the network is told how far to go, and answers in one call what two would.
        far = 1.0 if guidance is None else guidance
        words = f"{words}, guidance {far:g} told to the network (distilled, not classifier-free)"
        return Told({**given, "guidance": torch.tensor([far])}, words=words, files=files)
    if guidance is None:
        return Told(given, words=words, files=files)
    return Told(given, none, f"{words}, guidance {guidance:g}", files)


def _by_class(folder: DiffusersFolder, condition: Condition, count: str, has_none: bool) -> Told:
    """Classes 0 to N - 1. has_none: whether class N stands for none, as it does in a DiT."""
    classes = _classes(folder, count)
    label, guidance = condition.label, condition.guidance
    if label is not None:
        _check_label(folder, label, classes)
    if not has_none and (label is None or guidance is not None):
        wanted = "guidance is between a class and none" if guidance is not None else "give one"
        raise InputError(
            f"{folder.root} was trained with {classes} classes and knows no picture without: "
            f"{wanted}, {_range(folder, classes)}"
        )
    none = {"class_labels": torch.tensor([classes])}
    if label is None:
        return Told(none, words=f"none of its {classes} classes")
    given, words = {"class_labels": torch.tensor([label])}, f"class {label} of {classes}"
    if guidance is None:
        return Told(given, words=words)
    return Told(given, none, f"{words}, guidance {guidance:g}")


def _classes(folder: DiffusersFolder, count: str) -> int:
    classes = folder.config.get(count, 1000)
    if type(classes) is not int or classes < 1:
        raise InputError(f"{folder.network} has {count} {shown(classes)}: a model has 1 or more")
    return classes


def _check_label(folder: DiffusersFolder, label: int, classes: int) -> None:
    if label >= classes:
        raise InputError(f"{folder.root} has no class {label}: give {_range(folder, classes)}")


def _range(folder: DiffusersFolder, classes: int) -> str:
    return f"{folder.root}#class=0 to {folder.root}#class={classes - 1}"
