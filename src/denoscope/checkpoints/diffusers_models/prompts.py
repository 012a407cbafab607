"""A prompt through one of the text encoders in a pipeline's folder.

FOLDER/text_encoder/   config.json and model.safetensors of a text encoder out of a list
FOLDER/tokenizer/      vocab.json and merges.txt, or tokenizer.json

A second and a third are called text_encoder_2, tokenizer_2 and so on.
"""

from dataclasses import dataclass
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

__all__ = ["TOKENS", "Prompted", "read_prompts", "side_by_side"]

# Class -> its configuration's and its tokenizer's.
ENCODERS = {
    "CLIPTextModel": ("CLIPTextConfig", "CLIPTokenizer"),
    "CLIPTextModelWithProjection": ("CLIPTextConfig", "CLIPTokenizer"),
    "T5EncoderModel": ("T5Config", "T5TokenizerFast"),
}
TOKENS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
)
MOST_TOKENS = 1024


@dataclass(frozen=True)
class Prompted:
    """Prompts as a network takes them."""

    rows: list[dict[str, Tensor]]
    """For each prompt the keywords of the network's call, tensors of one row."""
    files: tuple[Path, ...]
    """What was read for them."""
    none: str = "the empty prompt"
    """What stands for no prompt, in words."""
    beside: str = ""
    """What else the network is told of its picture, in words."""


def read_prompts(
    folder: Path, prompts: list[str], kind: str, number: str = "", length: int = MOST_TOKENS
) -> tuple[list[Any], tuple[Path, ...]]:
    """(for each prompt all that the encoder answers, a row each; the files read).

    folder: that of text_encoder{number}/ and tokenizer{number}/. kind: the class that is wanted, one of
    ENCODERS. Prompts are padded and cut to `length`, or to what tokenizer and encoder take where that
    is less, as the pipelines do. Raises InputError where either is missing, is of another kind, or
    does not read.
    """
    encoder, tokenizer = folder / f"text_encoder{number}", folder / f"tokenizer{number}"
    for part in (encoder, tokenizer):
        if not part.is_dir():
            raise InputError(
                f"{folder} has no {part.name}, which its network's prompts go through: fetch it too"
            )
    config = read_object(inside(folder, encoder / "config.json"))
    if config.get("architectures") not in ([kind], None) or "auto_map" in config:
        raise InputError(f"{encoder} holds a {shown(config.get('architectures'))}: known is {kind}")
    weights = weight_files(encoder, folder, stem="model")
    sizes = [value.numel() for path in weights for value in read_weights(path).values()]
    files = [encoder / "config.json", *weights]
    files += [inside(folder, tokenizer / name) for name in TOKENS if (tokenizer / name).exists()]
    library = quietly_imported("transformers", str(encoder))
    settings, words = (getattr(library, name) for name in ENCODERS[kind])
    try:
        with quiet(), torch.random.fork_rng(devices=[]), torch.no_grad():
            _check_size(getattr(library, kind), settings, config, sizes)
            model, found = getattr(library, kind).from_pretrained(
                encoder,
                local_files_only=True,
                use_safetensors=True,
                variant=_variant(weights),
                output_loading_info=True,
            )
            if found["missing_keys"] or found["mismatched_keys"]:
                raise ValueError("settings and weights are of different models")
            split = words.from_pretrained(tokenizer, local_files_only=True)
            most = getattr(model.config, "max_position_embeddings", MOST_TOKENS)
            if length == MOST_TOKENS:  # T5 has no length of its own, and is given one
                length = min(length, split.model_max_length)
            told = {"padding": "max_length", "max_length": min(length, most), "truncation": True}
            model = model.float().eval()
            answers = [
                model(
                    split(prompt, return_tensors="pt", **told).input_ids, output_hidden_states=True
                )
                for prompt in prompts
            ]
            return answers, tuple(files)
    except Exception as error:  # it is their code on anybody's files: whatever it raises
        raise InputError(
            f"{encoder} and {tokenizer.name} do not read a prompt ({type(error).__name__}: "
            f"{shown(error)}): restore them from a copy"
        ) from error


def side_by_side(one: Any, two: Any, home: Path) -> Tensor:
    """The states before the last of two encoders' answers to one prompt: (1, L, a), (1, L, b) to (1, L, a + b).

    Raises InputError where they are of different lengths, or an encoder has no layer.
    """
    if min(len(one.hidden_states), len(two.hidden_states)) < 2:
        raise InputError(f"a text encoder in {home} has no layers: restore it from a copy")
    states = one.hidden_states[-2], two.hidden_states[-2]
    if states[0].shape[1] != states[1].shape[1]:
        raise InputError(
            f"the text encoders in {home} take {states[0].shape[1]} and {states[1].shape[1]} tokens: "
            "they are not those of one model"
        )
    return torch.cat(states, dim=-1)


def _variant(weights: list[Path]) -> str | None:
    """ "fp16" of model.fp16.safetensors."""
    parts = weights[0].name.split(".")
    return parts[1] if len(parts) == 3 and len(weights) == 1 and "-" not in parts[0] else None


def _check_size(kind: Any, settings: Any, config: dict[str, Any], sizes: list[int]) -> None:
    """Raises ValueError where the settings make more than the file has, before any memory is taken."""
    with at_most(2 * len(sizes) + 64), torch.device("meta"):
        laid_out = kind(settings(**config))
    if sum(p.numel() for p in laid_out.parameters()) > sum(sizes):
        raise ValueError("settings and weights are of different models")
