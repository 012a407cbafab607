"""Settings and weights of a file become the network they came from, whatever else it holds."""

import pytest
import torch

from denoscope.checkpoints.filling import MOST_DERIVED, filled_network
from denoscope.errors import InputError
from denoscope.networks import NetworkSettings, build_network
from denoscope.noise import noise

UNET = {"width": 4, "multipliers": (1, 2), "blocks": 1, "attention": ()}
SETTINGS = [
    NetworkSettings(arch="ddpmpp", shape=(1, 8, 8), **UNET),
    NetworkSettings(arch="ncsnpp", shape=(1, 8, 8), preconditioning="ve", **UNET),
    NetworkSettings(arch="adm", shape=(1, 8, 8), **{**UNET, "width": 32}),
    NetworkSettings(arch="dit", shape=(1, 8, 8), width=16, blocks=2),
    NetworkSettings(arch="skip", shape=(1, 8, 8), width=4, multipliers=(1, 2), blocks=1),
    NetworkSettings(arch="linear", shape=(1, 8, 8), preconditioning="none"),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: one.arch)
def test_the_network_comes_back_and_answers_the_same(settings):
    torch.manual_seed(1)
    network = build_network(settings).eval()
    with torch.no_grad():
        for value in network.parameters():  # last layers start at 0, which would hide the rest
            value.normal_(std=0.1)
    before = torch.get_rng_state()
    again = filled_network(settings, dict(network.state_dict()), "x").eval()
    assert torch.equal(torch.get_rng_state(), before)
    x = noise(range(2), settings.shape, seed=0, stream="test")
    sigma = torch.tensor([0.5, 2.0])
    assert torch.equal(again(x, sigma), network(x, sigma))
    assert bool(network(x, sigma).std() > 0)


def test_weights_are_copied():
    settings = SETTINGS[-1]
    weights = dict(build_network(settings).state_dict())
    again = filled_network(settings, weights, "x")
    for value in weights.values():
        value.fill_(9.0)
    assert not any(bool((value == 9.0).all()) for value in again.state_dict().values())


def test_tables_beside_the_weights_are_bounded():
    """A transformer's weights do not grow with its pictures, its table of positions does."""
    small = NetworkSettings(arch="dit", shape=(1, 8, 8), width=16, blocks=1)
    huge = small.model_copy(update={"shape": (1, 16384, 16384)})
    weights = dict(build_network(small).state_dict())
    with pytest.raises(InputError, match=f"at most {MOST_DERIVED:,} are held"):
        filled_network(huge, weights, "x")
