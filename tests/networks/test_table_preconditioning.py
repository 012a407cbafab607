"""A network under a table of steps answers as `from_epsilon` of the same network and table."""

import torch

from denoscope import DiscreteSchedule, from_epsilon
from denoscope.networks import NetworkSettings, TablePreconditioning, build_network

SETTINGS = NetworkSettings(
    arch="guided",
    shape=(1, 8, 8),
    width=32,
    multipliers=(1,),
    blocks=1,
    attention=(),
    heads=2,
    preconditioning="table",
    steps=50,
)


def test_it_is_from_epsilon_at_every_level():
    schedule = DiscreteSchedule.cosine(50)
    network = build_network(SETTINGS).eval().requires_grad_(False)
    assert isinstance(network, TablePreconditioning)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    network.alphas_cumprod.copy_(schedule.alphas**2)
    other = from_epsilon(
        lambda x, index: network.model(x, index.float()), schedule, (1, 8, 8), time="index"
    )
    x = torch.randn(2, 1, 8, 8)
    for sigma in schedule.levels[::7]:
        level = sigma[None]
        answer, expected = network(x * (1 + sigma), level), other(x * (1 + sigma), level)
        assert (answer - expected).norm() <= 1e-5 * expected.norm()
