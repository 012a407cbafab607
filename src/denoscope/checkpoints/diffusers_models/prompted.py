"""What each network that takes prompts is told of one, through the text encoders of its pipeline.

UNet2DConditionModel      the last states of a CLIP
SD3Transformer2DModel     the states before the last of two CLIPs beside each other, then T5's last;
                          and the CLIPs' projections of the whole prompt (Esser et al. 2024)
FluxTransformer2DModel    T5's last states, and the CLIP's answer to the whole prompt
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from denoscope.checkpoints.diffusers_models.folders import DiffusersFolder
from denoscope.checkpoints.diffusers_models.prompts import read_prompts
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["PROMPTED", "prompted"]

Rows = list[dict[str, Tensor]]
Files = tuple[Path, ...]
SD3_LENGTH, FLUX_LENGTH = 256, 512  # tokens of T5, as the pipelines take them
WIDEST = 2**16


def prompted(folder: DiffusersFolder, prompts: list[str]) -> tuple[Rows, Files]:
    """(for each prompt the keywords of the network's call, tensors of one row; the files read).

    Raises InputError as `read_prompts` does, and where the encoders are of another network.
    """
    home = folder.root if folder.parts else folder.root.absolute().parent
    rows, files = PROMPTED[folder.kind](folder.config, home, prompts)
    for setting, default, name in WIDTHS[folder.kind]:
        width, given = folder.config.get(setting, default), rows[0][name].shape[-1]
        if given != width:
            raise InputError(
                f"{folder.network} takes a prompt of width {shown(width)} ({setting}), and the text "
                f"encoders beside it give {given}: they are of different models"
            )
    return rows, files


def _unet(config: dict[str, Any], home: Path, prompts: list[str]) -> tuple[Rows, Files]:
    answers, files = read_prompts(home, prompts, "CLIPTextModel")
    return [{"encoder_hidden_states": one.last_hidden_state} for one in answers], files


def _sd3(config: dict[str, Any], home: Path, prompts: list[str]) -> tuple[Rows, Files]:
    width = config.get("joint_attention_dim", 4096)
    if type(width) is not int or not 0 < width <= WIDEST:
        raise InputError(f"{home} has joint_attention_dim {shown(width)}: give a width of prompts")
    one, files_1 = read_prompts(home, prompts, "CLIPTextModelWithProjection")
    two, files_2 = read_prompts(home, prompts, "CLIPTextModelWithProjection", "_2")
    if (home / "text_encoder_3").is_dir():
        t5, files_3 = read_prompts(home, prompts, "T5EncoderModel", "_3", SD3_LENGTH)
        last = [answer.last_hidden_state for answer in t5]
    else:  # the model was trained to do without
        last, files_3 = [torch.zeros(1, SD3_LENGTH, width)] * len(prompts), ()
    rows = []
    for a, b, states in zip(one, two, last, strict=True):
        both = torch.cat([a.hidden_states[-2], b.hidden_states[-2]], dim=-1)
        if both.shape[-1] > states.shape[-1]:
            raise InputError(f"the text encoders in {home} are not those of one SD3 model")
        both = pad(both, (0, states.shape[-1] - both.shape[-1]))
        rows.append(
            {
                "encoder_hidden_states": torch.cat([both, states], dim=-2),
                "pooled_projections": torch.cat([a.text_embeds, b.text_embeds], dim=-1),
            }
        )
    return rows, (*files_1, *files_2, *files_3)


def _flux(config: dict[str, Any], home: Path, prompts: list[str]) -> tuple[Rows, Files]:
    clip, files_1 = read_prompts(home, prompts, "CLIPTextModel")
    t5, files_2 = read_prompts(home, prompts, "T5EncoderModel", "_2", FLUX_LENGTH)
    rows = [
        {
            "encoder_hidden_states": states.last_hidden_state,
            "pooled_projections": whole.pooler_output,
        }
        for whole, states in zip(clip, t5, strict=True)
    ]
    return rows, (*files_1, *files_2)


PROMPTED: dict[str, Callable[[dict[str, Any], Path, list[str]], tuple[Rows, Files]]] = {
    "UNet2DConditionModel": _unet,
    "SD3Transformer2DModel": _sd3,
    "FluxTransformer2DModel": _flux,
}
STATES, POOLED = "encoder_hidden_states", "pooled_projections"
# Setting, its default, and the keyword whose width it is.
WIDTHS = {
    "UNet2DConditionModel": (("cross_attention_dim", 1280, STATES),),
    "SD3Transformer2DModel": (
        ("joint_attention_dim", 4096, STATES),
        ("pooled_projection_dim", 2048, POOLED),
    ),
    "FluxTransformer2DModel": (
        ("joint_attention_dim", 4096, STATES),
        ("pooled_projection_dim", 768, POOLED),
    ),
}
