"""The pictures that a report shows, as uint8 arrays: pictures.npz."""

import numpy as np
import torch
from torch import Tensor

from denoscope.auditing.copies import SampleEvidence
from denoscope.images import Pictures

__all__ = ["shown_pictures"]


def shown_pictures(
    train: Pictures,
    held_out: Pictures | None,
    denoised: dict[str, list[Tensor]],
    evidence: SampleEvidence,
) -> dict[str, np.ndarray]:
    """Arrays by key (docs/reference/tables.md). Latents, and channels other than 1 or 3, show nothing.

    denoised: x ("noisy") and each denoiser's answer to a few held-out pictures, a tensor a level.
    """
    if train.shape[0] not in (1, 3) or train.pixels.dtype != torch.uint8:
        return {}
    out: dict[str, np.ndarray] = {}
    for name, one in evidence.drawn.items():
        out[f"sample/{name}"] = _bytes(one.finals)
        out[f"trajectory/{name}"] = _bytes(one.way)
    if len(evidence.nearest):
        out["sample/nearest"] = train.stored(evidence.nearest).numpy()
    if held_out is not None and denoised:
        out["denoise/clean"] = held_out.stored(slice(0, len(denoised["noisy"][0]))).numpy()
        for name, by_level in denoised.items():
            out[f"denoise/{name}"] = _bytes(torch.stack(by_level, dim=1))
    return out


def _bytes(x: Tensor) -> np.ndarray:
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
