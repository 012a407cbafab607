"""A network from settings and weights that a file states: nothing is reserved before both fit.

Settings are hostile too: a width of a billion would ask for more memory than there is. So the
network is first laid out without memory (torch's meta device), and made once the weights that are
there fit it, and what it holds beside them is of bounded size.
"""

import os

import torch
from torch import Tensor, nn

from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError
from denoscope.networks import NetworkSettings, Preconditioning, build_network

__all__ = ["check_filling", "filled_network"]

MOST_DERIVED = 2**26  # values that follow from the settings, as a table of positions: 256 MB


def filled_network(
    settings: NetworkSettings, weights: dict[str, Tensor], where: str | os.PathLike[str]
) -> Preconditioning:
    """The network of these settings with these weights, in float32.

    Raises InputError where they do not fit each other (a tensor is missing, there is one too many,
    of another shape, or not of floating point), and for values that are not finite.
    """
    layers = max(1, len(settings.multipliers)) * settings.blocks
    if layers > len(weights):
        raise InputError(
            f"{where} describes {layers} blocks and has {len(weights)} tensors: settings and "
            "weights are of different models"
        )
    try:
        with torch.device("meta"):
            network = build_network(settings)
    except (RuntimeError, TypeError, OverflowError) as error:  # sizes beyond 64 bits
        raise InputError(f"{where} describes a network that nothing can hold") from error
    check_filling(network, weights, where)
    with torch.random.fork_rng(devices=[]):
        network = build_network(settings)
    # Copied: what came from a mapped file would change, or end the program, with the file.
    network.load_state_dict(weights)
    return network


def check_filling(
    network: nn.Module, weights: dict[str, Tensor], where: str | os.PathLike[str]
) -> None:
    """Raises InputError where a network laid out without memory and weights do not fit each other.

    That is where a tensor is missing, there is one too many, one has another shape or is not of
    floating point, has values that are not finite, or where the network holds too much beside them.
    """
    expected = network.state_dict()
    wrong = [name for name, value in expected.items() if not _fits(weights.get(name), value)]
    wrong += sorted(weights.keys() - expected.keys())
    if wrong:
        raise InputError(
            f"{where} does not fit the network that it describes (first difference: "
            f"{shown(wrong[0])}): settings and weights are of different models"
        )
    derived = sum(value.numel() for value in network.buffers()) - sum(
        value.numel() for name, value in network.named_buffers() if name in expected
    )
    if derived > MOST_DERIVED:
        raise InputError(
            f"{where} describes a network of {derived:,} values beside its weights: at most "
            f"{MOST_DERIVED:,} are held"
        )
    for name in expected:
        if not bool(torch.isfinite(weights[name]).all()):
            raise InputError(
                f"{where} has values that are not finite (first in {name}): the training diverged; "
                "take an earlier snapshot, or train again at a lower rate"
            )


def _fits(given: Tensor | None, expected: Tensor) -> bool:
    return (
        given is not None
        and given.shape == expected.shape
        and given.is_floating_point() == expected.is_floating_point()
    )
