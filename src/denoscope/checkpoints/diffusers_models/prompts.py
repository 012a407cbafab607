"""A prompt as a network of diffusers is told it: the last states of the CLIP text encoder beside it.

FOLDER/text_encoder/   config.json and model.safetensors of a CLIPTextModel
FOLDER/tokenizer/      vocab.json and merges.txt, or tokenizer.json
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from denoscope.checkpoints.diffusers_models.library import quiet, quietly_imported
from denoscope.checkpoints.diffusers_models.networks import at_most, weight_files
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign_files import inside, read_object
from denoscope.checkpoints.runs import read_weights
from denoscope.errors import InputError

__all__ = ["TOKENS", "prompt_states"]

ENCODER = "CLIPTextModel"
TOKENS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
)
MOST_TOKENS = 1024


def prompt_states(folder: Path, prompts: list[str]) -> tuple[list[Tensor], tuple[Path, ...]]:
    """(for each prompt its states, (1, tokens, width); the files read).

    Prompts are padded and cut to the length that the tokenizer states, as the pipelines do.
    folder: that of text_encoder/ and tokenizer/. Raises InputError where either is missing, is of
    another kind, or does not read.
    """
    encoder, tokenizer = folder / "text_encoder", folder / "tokenizer"
    for part in (encoder, tokenizer):
        if not part.is_dir():
            raise InputError(
                f"{folder} has no {part.name}, which its network's prompts go through: fetch it too"
            )
    config = read_object(inside(folder, encoder / "config.json"))
    if config.get("architectures") not in ([ENCODER], None) or "auto_map" in config:
        raise InputError(
            f"{encoder} holds a {shown(config.get('architectures'))}: known is {ENCODER}"
        )
    files = [encoder / "config.json", *weight_files(encoder, folder, stem="model")]
    weights: dict[str, Tensor] = {}
    for path in files[1:]:
        weights |= read_weights(path)
    files += [inside(folder, tokenizer / name) for name in TOKENS if (tokenizer / name).exists()]
    library = quietly_imported("transformers", str(encoder))
    try:
        with quiet(), torch.random.fork_rng(devices=[]), torch.no_grad():
            _check_size(library, config, weights)
            model, found = library.CLIPTextModel.from_pretrained(
                encoder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            if found["missing_keys"] or found["mismatched_keys"]:
                raise ValueError("settings and weights are of different models")
            words = library.CLIPTokenizer.from_pretrained(tokenizer, local_files_only=True)
            length = min(words.model_max_length, model.config.max_position_embeddings, MOST_TOKENS)
            model = model.float().eval()
            states = [
                model(
                    words(
                        prompt,
                        padding="max_length",
                        max_length=length,
                        truncation=True,
                        return_tensors="pt",
                    ).input_ids
                )[0]
                for prompt in prompts
            ]
            return states, tuple(files)
    except Exception as error:  # it is their code on anybody's files: whatever it raises
        raise InputError(
            f"{encoder} and {tokenizer.name} do not read a prompt ({type(error).__name__}: "
            f"{shown(error)}): restore them from a copy"
        ) from error


def _check_size(library: Any, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
    """Raises ValueError where the settings make more than the file has, before any memory is taken."""
    with at_most(2 * len(weights) + 64), torch.device("meta"):
        laid_out = library.CLIPTextModel(library.CLIPTextConfig(**config))
    asked = sum(p.numel() for p in laid_out.parameters())
    if asked > sum(value.numel() for value in weights.values()):
        raise ValueError("settings and weights are of different models")
