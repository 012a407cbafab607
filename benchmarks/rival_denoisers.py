"""The programs beside which the multi-delta is timed, and the forms they are written in.

`make bench` installs smalldiffusion 0.5.0 and deepinv 0.5.0 apart, into .venv/rival_denoisers. Where they are
not, as in tests, what they compute stands for them in a few lines: "expanded" for smalldiffusion's
IdealDenoiser, "cdist" for deepinv's MMSE.
"""

import sys
import types
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["Rival", "cdist", "expanded", "rivals"]

Rival = Callable[[Tensor, float], Tensor]
INSTALLED = Path(sys.prefix) / "rival_denoisers"


def rivals(data: Tensor, where: Path = INSTALLED) -> dict[str, Rival]:
    """x (B, C, H, W), sigma -> x0_hat (B, d), float32, of each; data: (N, C, H, W) in [-1, 1]."""
    flat = data.flatten(1)
    written: dict[str, Rival] = {
        "expanded": lambda x, sigma: expanded(flat, x.flatten(1), sigma),
        "cdist": lambda x, sigma: cdist(flat, x.flatten(1), sigma),
    }
    if not where.is_dir():
        return written
    sys.path.append(str(where))
    # Their torchvision has no compiled part beside a CPU build of torch, and they use none of it.
    sys.modules["torchvision._meta_registrations"] = types.ModuleType("_meta_registrations")
    from deepinv.models import MMSE  # pyright: ignore[reportMissingImports]
    from smalldiffusion import IdealDenoiser  # pyright: ignore[reportMissingImports]

    ideal, mmse = (
        IdealDenoiser(data),
        MMSE(data, device=data.device),
    )  # it takes no name of a device

    def smalldiffusion(x: Tensor, sigma: float) -> Tensor:
        return (x - sigma * ideal(x, torch.tensor(sigma, device=x.device))).flatten(
            1
        )  # it says eps

    return {
        "smalldiffusion": smalldiffusion,
        "deepinv": lambda x, sigma: mmse(x, sigma).flatten(1),
        "cdist": written["cdist"],
    }


def expanded(data: Tensor, x: Tensor, sigma: float) -> Tensor:
    """softmax(-(|x|^2 + |y|^2 - 2 x.y) / (2 sigma^2)) @ y, float32; x: (B, d), data: (N, d)."""
    squared = data.norm(dim=1).square()[:, None] + x.norm(dim=1).square() - 2 * data @ x.T
    return torch.softmax(-squared / (2 * sigma**2), dim=0).T @ data


def cdist(data: Tensor, x: Tensor, sigma: float) -> Tensor:
    """softmax(-cdist(x, y)^2 / (2 sigma^2)) @ y, float32; x: (B, d), data: (N, d)."""
    return torch.softmax(-torch.cdist(x, data).square() / (2 * sigma**2), dim=1) @ data
