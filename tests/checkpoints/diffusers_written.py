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
