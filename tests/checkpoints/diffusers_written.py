"""Tiny models with random weights, written by diffusers itself, for tests of reading them."""

from pathlib import Path
from typing import Any

import diffusers
import torch

SMALL: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 2,
    "out_channels": 2,
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}


def seeded(make: Any, **settings: Any) -> Any:
    """An object of a class of diffusers, its weights drawn from seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make(**settings).eval()


def unet(**settings: Any) -> diffusers.UNet2DModel:
    return seeded(diffusers.UNet2DModel, **{**SMALL, **settings})


def written(place: Path, network: Any, scheduler: Any) -> Path:
    """The folder of a pipeline of both."""
    folder = place / "pipeline"
    diffusers.DDPMPipeline(network, scheduler).save_pretrained(folder)
    return folder


def dit(**settings: Any) -> diffusers.DiTTransformer2DModel:
    """Of 5 classes and none, in two channels of 8 x 8."""
    small: dict[str, Any] = {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": 2,
        "out_channels": 4,
        "num_layers": 2,
        "sample_size": 8,
        "num_embeds_ada_norm": 5,
    }
    network = seeded(diffusers.DiTTransformer2DModel, **{**small, **settings})
    with torch.no_grad():  # its last layers begin at zero
        for p in network.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    return network


def written_bare(place: Path, network: Any, scheduler: Any) -> Path:
    """The folder of a bare model, with its scheduler's in it."""
    folder = place / "bare"
    network.save_pretrained(folder)
    scheduler.save_pretrained(folder / "scheduler")
    return folder


def written_painter(place: Path, scheduler: Any) -> tuple[Path, Any, Any, Any]:
    """(folder of a network's folder with all that its prompts need beside it, network, encoder, tokenizer)."""
    import json

    import transformers

    folder = place / "painter"
    network = seeded(
        diffusers.UNet2DConditionModel,
        **{
            **SMALL,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": 12,
        },
    )
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{one}</w>" for one in letters)]
    (folder / "tokenizer").mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 9}')
    config = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=9,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    encoder = seeded(transformers.CLIPTextModel, config=config)
    network.save_pretrained(folder / "unet")
    scheduler.save_pretrained(folder / "scheduler")
    encoder.save_pretrained(folder / "text_encoder")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer")
    return folder, network, encoder, tokenizer


SMALL_AUTOENCODER: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": (4, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "latent_channels": 2,
    "sample_size": 16,
}


def autoencoder(**settings: Any) -> diffusers.AutoencoderKL:
    """Of grey pictures of 16 x 16, whose latents are two channels of 8 x 8."""
    return seeded(diffusers.AutoencoderKL, **{**SMALL_AUTOENCODER, **settings})


def written_latent(place: Path, network: Any, scheduler: Any, coder: Any) -> Path:
    """The folder of an LDMPipeline: unet/, scheduler/ and vqvae/."""
    folder = place / "latent"
    diffusers.LDMPipeline(vqvae=coder, unet=network, scheduler=scheduler).save_pretrained(folder)
    return folder
