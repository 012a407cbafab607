"""The pictures that a report shows, as uint8 arrays: pictures.npz."""

import numpy as np
import torch
from torch import Tensor

from denoscope.auditing.copies import SampleEvidence
from denoscope.checkpoints import Autoencoder
from denoscope.images import Pictures

__all__ = ["shown_pictures"]


def shown_pictures(
    train: Pictures,
    held_out: Pictures | None,
    denoised: dict[str, list[Tensor]],
    evidence: SampleEvidence,
    autoencoder: Autoencoder | None = None,
) -> dict[str, np.ndarray]:
    """Arrays by key (docs/reference/tables.md). Channels other than 1 or 3 show nothing.

    denoised: x ("noisy") and each denoiser's answer to a few held-out pictures, a tensor a level.
    Latents are decoded; where nothing decodes them they show nothing.
    """
    if autoencoder is None:
        channels, seen = train.shape[0], train.scale is None
    else:
        channels, seen = autoencoder.note.pictures[0], True
    if channels not in (1, 3) or not seen:
        return {}

    def drawn(x: Tensor) -> np.ndarray:
        """uint8 of working values (..., C, H, W)."""
        if autoencoder is not None:
            x = autoencoder.decode(x.flatten(0, -4)).unflatten(0, x.shape[:-3])
        return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()

    out: dict[str, np.ndarray] = {}
    for name, one in evidence.drawn.items():
        out[f"sample/{name}"] = drawn(one.finals)
        out[f"trajectory/{name}"] = drawn(one.way)
    if len(evidence.nearest):
        out["sample/nearest"] = drawn(train.floats(evidence.nearest))
    if held_out is not None and denoised:
        out["denoise/clean"] = drawn(held_out.floats(slice(0, len(denoised["noisy"][0]))))
        for name, by_level in denoised.items():
            out[f"denoise/{name}"] = drawn(torch.stack(by_level, dim=1))
    return out
