"""What SDXL is told (Podell et al. 2023): a UNet2DConditionModel with addition_embed_type "text_time".

encoder_hidden_states   (1, L, a + b)    the states before the last of two CLIPs beside each other
text_embeds             (1, p)           the second CLIP's projection of the whole prompt
time_ids                (1, 6)           H, W, 0, 0, H, W: a picture's size as it was found, the corner it
                                         was cut out at, and its size as it is trained on, in pixels

Every picture is told to be one of H x W that nothing was cut off, as its pipeline asks for where nobody
says otherwise: H and W are the network's sample_size times the factor of its autoencoder.
"""

from pathlib import Path

import torch

from denoscope.checkpoints.diffusers_models.folders import CONFIG, INDEX, DiffusersFolder
from denoscope.checkpoints.diffusers_models.prompts import Prompted, read_prompts, side_by_side
from denoscope.checkpoints.diffusers_models.shapes import autoencoder_factor, latent_shape
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign_files import inside, read_object
from denoscope.errors import InputError

__all__ = ["TEXT_TIME", "sdxl"]

TEXT_TIME = "text_time"
FACTOR = 8  # of its autoencoder, where that is not there
ZEROS = "force_zeros_for_empty_prompt"
NUMBERS = 6


def sdxl(folder: DiffusersFolder, home: Path, prompts: list[str | None]) -> Prompted:
    """Each prompt, its picture's size beside it. None is zeros for states and projection where the
    pipeline's index forces these (or says nothing, or is not there), and else the empty prompt.

    home: where the text encoders are. Raises InputError as `read_prompts` does, and for a network that
    is told other numbers than those six, as SDXL's refiner is.
    """
    words = [prompt or "" for prompt in prompts]
    two, files_2 = read_prompts(home, words, "CLIPTextModelWithProjection", "_2")
    _check_numbers(folder, two[0].text_embeds.shape[-1])
    one, files_1 = read_prompts(home, words, "CLIPTextModel")
    zeros, index = _forced_zeros(home)
    (height, width), settings = _pixels(folder, home)
    ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
    rows = []
    for prompt, a, b in zip(prompts, one, two, strict=True):
        states, whole = side_by_side(a, b, home), b.text_embeds
        if prompt is None and zeros:
            states, whole = torch.zeros_like(states), torch.zeros_like(whole)
        rows.append({"encoder_hidden_states": states, "text_embeds": whole, "time_ids": ids})
    return Prompted(
        rows,
        (*files_1, *files_2, *index, *settings),
        none="no prompt (zeros)" if zeros else "the empty prompt",
        beside=f", told {height} x {width} pixels uncropped",
    )


def _check_numbers(folder: DiffusersFolder, projected: int) -> None:
    config = folder.config
    each, whole = (
        config.get(name)
        for name in ("addition_time_embed_dim", "projection_class_embeddings_input_dim")
    )
    if type(each) is not int or each < 1 or whole != projected + NUMBERS * each:
        raise InputError(
            f"{folder.network} has projection_class_embeddings_input_dim {shown(whole)}, which is not "
            f"the {projected} of its prompt and six numbers of addition_time_embed_dim {shown(each)}: "
            "it is told something else, so open it in Python, with a lambda that gives it, and "
            "denoscope.from_epsilon or its kin"
        )


def _forced_zeros(home: Path) -> tuple[bool, tuple[Path, ...]]:
    """(whether no prompt is zeros, the index where there is one)."""
    if not (home / INDEX).is_file():
        return True, ()
    index = inside(home, home / INDEX)
    forced = read_object(index).get(ZEROS, True)
    if type(forced) is not bool:
        raise InputError(f"{index} has {ZEROS} {shown(forced)}: give true or false")
    return forced, (index,)


def _pixels(folder: DiffusersFolder, home: Path) -> tuple[tuple[int, int], tuple[Path, ...]]:
    """((H, W) of the pictures, the settings of an autoencoder that stands beside the network alone)."""
    _, height, width = latent_shape(folder)
    coder = folder.encoder or home / "vae"
    if not (coder / CONFIG).is_file():
        return (FACTOR * height, FACTOR * width), ()
    settings = inside(home, coder / CONFIG)
    config = read_object(settings)
    factor = autoencoder_factor(config)
    if factor is None:
        blocks = config.get("block_out_channels")
        raise InputError(f"{coder} has block_out_channels {shown(blocks)}: give 1 to 9 widths")
    # With the whole pipeline the autoencoder is read anyway, and in the hash already.
    return (factor * height, factor * width), () if folder.encoder else (settings,)
