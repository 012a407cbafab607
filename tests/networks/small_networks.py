"""Small networks whose every weight matters: fresh ones are (almost) zero in the last layers."""

import torch

from denoscope.networks import NetworkSettings, Preconditioning, build_network

U_NETS = ("ddpmpp", "ncsnpp", "adm")
ELSEWHERE = ("guided", "edm2", "lucid")  # trained elsewhere alone
BLIND = ("skip", "linear")  # to the noise level
LABELLED = (*U_NETS, "dit", "guided", "edm2")
ARCHITECTURES = (*U_NETS, "dit", *BLIND, *ELSEWHERE)

SMALL = {
    "ddpmpp": {"width": 8, "blocks": 1},
    "ncsnpp": {"width": 8, "blocks": 1},
    "adm": {"width": 32, "blocks": 1},  # it has one attention head for every 64 channels
    "dit": {"width": 16, "blocks": 2, "heads": 2},
    "skip": {"width": 8, "blocks": 2},
    "linear": {},
    "guided": {"width": 32, "blocks": 1, "multipliers": (1, 2), "attention": (), "steps": 50},
    "edm2": {"width": 64, "blocks": 1, "multipliers": (1, 1)},  # one attention head for every 64
    "lucid": {"width": 8, "multipliers": (1, 2), "steps": 50},
}


def small_network(arch: str, side: int = 8, seed: int = 0, **settings) -> Preconditioning:
    """In eval mode, every parameter drawn at the scale of a trained network."""
    settings = NetworkSettings(arch=arch, shape=(2, side, side), **(SMALL[arch] | settings))
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
