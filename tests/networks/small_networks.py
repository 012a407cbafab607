"""Small networks whose every weight matters: fresh ones are (almost) zero in the last layers."""

import torch

from denoscope.networks import EDMPreconditioning, NetworkSettings, build_network

ARCHITECTURES = ("ddpmpp", "ncsnpp", "adm")


def small_network(arch: str, side: int = 8, seed: int = 0, **settings) -> EDMPreconditioning:
    """In eval mode, every parameter drawn at the scale of a trained network."""
    # ADM has one attention head for every 64 channels
    width = {"width": 32 if arch == "adm" else 8}
    settings = NetworkSettings(arch=arch, shape=(2, side, side), blocks=1, **(width | settings))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(settings).eval()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, parameter[0].numel() ** -0.5)
                else:
                    parameter.normal_(float("norm" in name and "weight" in name), 0.2)
    return network


def noisy(batch: int, side: int = 8, seed: int = 0, dtype=torch.float32):
    """Pictures of standard deviation 0.5 with noise, and their levels."""
    generator = torch.Generator().manual_seed(seed)
    sigma = torch.logspace(-2, 1.5, batch, dtype=torch.float64)
    x = torch.randn(batch, 2, side, side, generator=generator, dtype=torch.float64)
    return (x * (0.25 + sigma**2).sqrt()[:, None, None, None]).to(dtype), sigma.to(dtype)
