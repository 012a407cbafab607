"""A trained network as a denoiser: the contract around a preconditioned module."""

import torch
from torch import Tensor

from denoscope.denoiser import Spec, check_call
from denoscope.networks import Preconditioning

__all__ = ["NetworkDenoiser"]


class NetworkDenoiser:
    """D(x; sigma) of a preconditioned network, in evaluation mode, inside the range it was trained for.

    Raises SigmaOutOfRange outside [sigma_min, sigma_max], InputError for a wrong shape.
    """

    def __init__(self, network: Preconditioning, spec: Spec) -> None:
        self.network = network.eval().requires_grad_(False)
        self.spec = spec

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.network(x, check_call(self.spec, x, sigma).reshape(-1))

    def to(self, device: torch.device | str) -> "NetworkDenoiser":
        """The same denoiser with its weights on `device`."""
        return NetworkDenoiser(self.network.to(device), self.spec)
