"""What each network that takes prompts is told of one, through the text encoders of its pipeline.

UNet2DConditionModel      the last states of a CLIP, or what SDXL is told (`sdxl`)
SD3Transformer2DModel     the states before the last of two CLIPs beside each other, then T5's last;
                          and the CLIPs' projections of the whole prompt (Esser et al. 2024)
FluxTransformer2DModel    T5's last states, and the CLIP's answer to the whole prompt
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.functional import pad

from denoscope.checkpoints.diffusers_models.folders import DiffusersFolder
from denoscope.checkpoints.diffusers_models.prompts import Prompted, read_prompts, side_by_side
from denoscope.checkpoints.diffusers_models.sdxl import TEXT_TIME, sdxl
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["PROMPTED", "prompted"]

Prompts = list[str | None]
SD3_LENGTH, FLUX_LENGTH = 256, 512  # tokens of T5, as the pipelines take them
WIDEST = 2**16


def prompted(folder: DiffusersFolder, prompts: Prompts) -> Prompted:
    """Each prompt as the network takes it; None is none, which is the empty one in most.

    Raises InputError as `read_prompts` does, and where the encoders are of another network.
    """
    home = folder.root if folder.parts else folder.root.absolute().parent
    found = PROMPTED[folder.kind](folder, home, prompts)
    for setting, default, name in WIDTHS[folder.kind]:
        width, given = folder.config.get(setting, default), found.rows[0][name].shape[-1]
        if given != width:
            raise InputError(
                f"{folder.network} takes a prompt of width {shown(width)} ({setting}), and the text "
                f"encoders beside it give {given}: they are of different models"
            )
    return found


def _unet(folder: DiffusersFolder, home: Path, prompts: Prompts) -> Prompted:
    if folder.config.get("addition_embed_type") == TEXT_TIME:
        return sdxl(folder, home, prompts)
    answers, files = read_prompts(home, _words(prompts), "CLIPTextModel")
    return Prompted([{"encoder_hidden_states": one.last_hidden_state} for one in answers], files)


def _sd3(folder: DiffusersFolder, home: Path, prompts: Prompts) -> Prompted:
    width, words = folder.config.get("joint_attention_dim", 4096), _words(prompts)
    if type(width) is not int or not 0 < width <= WIDEST:
        raise InputError(f"{home} has joint_attention_dim {shown(width)}: give a width of prompts")
    one, files_1 = read_prompts(home, words, "CLIPTextModelWithProjection")
    two, files_2 = read_prompts(home, words, "CLIPTextModelWithProjection", "_2")
    if (home / "text_encoder_3").is_dir():
        t5, files_3 = read_prompts(home, words, "T5EncoderModel", "_3", SD3_LENGTH)
        last = [answer.last_hidden_state for answer in t5]
    else:  # the model was trained to do without
        last, files_3 = [torch.zeros(1, SD3_LENGTH, width)] * len(words), ()
    rows = []
    for a, b, states in zip(one, two, last, strict=True):
        both = side_by_side(a, b, home)
        if both.shape[-1] > states.shape[-1]:
            raise InputError(f"the text encoders in {home} are not those of one SD3 model")
        both = pad(both, (0, states.shape[-1] - both.shape[-1]))
        rows.append(
            {
                "encoder_hidden_states": torch.cat([both, states], dim=-2),
                "pooled_projections": torch.cat([a.text_embeds, b.text_embeds], dim=-1),
            }
        )
    return Prompted(rows, (*files_1, *files_2, *files_3))


def _flux(folder: DiffusersFolder, home: Path, prompts: Prompts) -> Prompted:
    words = _words(prompts)
    clip, files_1 = read_prompts(home, words, "CLIPTextModel")
    t5, files_2 = read_prompts(home, words, "T5EncoderModel", "_2", FLUX_LENGTH)
    rows = [
        {
            "encoder_hidden_states": states.last_hidden_state,
            "pooled_projections": whole.pooler_output,
        }
        for whole, states in zip(clip, t5, strict=True)
    ]
    return Prompted(rows, (*files_1, *files_2))


def _words(prompts: Prompts) -> list[str]:
    return [prompt or "" for prompt in prompts]


PROMPTED: dict[str, Callable[[DiffusersFolder, Path, Prompts], Prompted]] = {
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
