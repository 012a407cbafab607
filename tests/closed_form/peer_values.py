"""Makes peer_values.npz: what azula and deepinv, two independent programs, say of the same inputs.

    python -m venv PEERS && PEERS/bin/pip install . azula==0.11.1 deepinv==0.5.0
    PEERS/bin/python tests/closed_form/peer_values.py

Both require torchvision, whose wheels on the package index do not load beside a CPU build of torch
and then break diffusers and transformers too. So they live in an environment of their own:
test_peers.py compares with the values kept here, and its slow test makes them anew.
"""

import math
import sys
import types
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from denoscope.images import open_images
from denoscope.noise import noise

VALUES = Path(__file__).with_name("peer_values.npz")
SIGMAS = (0.002, 0.1, 0.5, 2.0, 20.0, 80.0)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """200 digits (uint8), and for each level four others with noise: x float64 (L, 4, 1, 8, 8)."""
    digits = open_images("digits")
    clean = digits.floats(range(200, 204)).double()
    eps = noise(range(4), digits.shape, seed=0, stream="peers").double()
    sigmas = torch.tensor(SIGMAS, dtype=torch.float64)
    return digits.stored(range(200)), clean + sigmas.reshape(-1, 1, 1, 1, 1) * eps, sigmas


def azula_gaussian(pixels: Tensor, x: Tensor, sigma: float) -> Tensor:
    """azula's Gaussian denoiser with the covariance it fits to data, brought from 1/(N-1) to 1/N."""
    from azula.denoise import GaussianDenoiser
    from azula.linalg.covariance import FullCovariance
    from azula.noise import VESchedule

    y = pixels.double() / 127.5 - 1
    mean = y.mean(0)
    covariance = FullCovariance.from_data((y - mean) * math.sqrt((len(y) - 1) / len(y)))
    denoiser = GaussianDenoiser(mean, covariance, VESchedule(sigma, 2 * sigma))
    return denoiser(x, torch.zeros((), dtype=torch.float64)).mean  # sigma(t = 0) = sigma


def deepinv_multi_delta(pixels: Tensor, x: Tensor, sigma: float) -> Tensor:
    """deepinv's MMSE denoiser of a data set."""
    from deepinv.models import MMSE

    y = pixels.double() / 127.5 - 1
    return MMSE(y, device=torch.device("cpu"), dtype=torch.float64)(x, sigma)


def main() -> None:
    # Beside a CPU build of torch this module of torchvision fails; neither peer needs it here.
    sys.modules["torchvision._meta_registrations"] = types.ModuleType("_meta_registrations")
    pixels, x, sigmas = inputs()
    pairs = list(zip(x, sigmas.tolist(), strict=True))
    np.savez_compressed(
        sys.argv[1] if len(sys.argv) > 1 else VALUES,
        azula_gaussian=torch.stack([azula_gaussian(pixels, *pair) for pair in pairs]).numpy(),
        deepinv_multi_delta=torch.stack(
            [deepinv_multi_delta(pixels, *pair) for pair in pairs]
        ).numpy(),
    )


if __name__ == "__main__":
    main()
