"""Network pickles in the format of EDM2's program, from networks of this project, without its text."""

from typing import Any

import numpy as np
import torch
from torch import nn

from checkpoints.edm_writer import EasyDict, Persistent, persistent, wave_weights
from denoscope.networks import NetworkSettings, build_network

NAMES = {"EDM2UNet": "UNet", "EDM2Block": "Block"}


def edm2_record(settings: NetworkSettings, fill: Any = None, **changes: Any) -> dict[str, Any]:
    """The dictionary that the original program would write; `changes` to the network's keywords."""
    network = build_network(settings)
    layout = settings.edm2
    assert layout is not None
    if fill is not None:
        fill(network)
    network.requires_grad_(False)
    keywords: dict[str, Any] = {
        "img_resolution": settings.shape[1],
        "img_channels": settings.shape[0],
        "label_dim": settings.label_dim,
        "model_channels": settings.width,
        "channel_mult": list(settings.multipliers),
        "num_blocks": settings.blocks,
        "attn_resolutions": [*settings.attention, 1000],
        "resample_filter": list(layout.taps),
        "channels_per_head": layout.head_width,
        "dropout": 0.1,
        **changes,
    }
    unet: Any = persistent(network.model, {id(network.model): keywords}, NAMES)
    uncertainty: Any = nn.Module()
    uncertainty.register_buffer("freqs", torch.ones(4))
    ema = Persistent(
        "Precond",
        training=False,
        _parameters={},
        _buffers={},
        _modules={
            "unet": unet,
            "logvar_fourier": persistent(uncertainty, {}, {"Module": "MPFourier"}),
        },
        _init_args=(),
        _init_kwargs={**keywords, "use_fp16": True, "sigma_data": settings.sigma_data},
        label_dim=settings.label_dim,
    )
    return {
        "encoder": encoder_of(settings.shape[0]),
        "dataset_kwargs": EasyDict(path="data/img512-sd.zip", use_labels=True),
        "loss_fn": Persistent("EDM2Loss", P_mean=-0.4, _init_args=(), _init_kwargs={}),
        "ema": ema,
    }


def encoder_of(channels: int) -> Persistent:
    """Of four channels Stable Diffusion's, with a scale and a bias of each in numpy's arrays."""
    if channels != 4:
        return Persistent("StandardRGBEncoder", _init_args=(), _init_kwargs={})
    scale = np.float32([0.25, 0.5, 0.125, 1.0])
    told = {"vae_name": "stabilityai/sd-vae-ft-mse", "scale": scale, "bias": -scale, "_vae": None}
    return Persistent("StabilityVAEEncoder", **told)


def edm2_weights(module: nn.Module) -> None:
    """`wave_weights`, phases included, and gains of 1."""
    wave_weights(module)
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith("gain"):
                value.fill_(1)
        for name, value in module.named_buffers():
            if name.endswith("phases"):
                value.copy_((0.37 * torch.arange(value.numel(), dtype=torch.float64)).cos())
