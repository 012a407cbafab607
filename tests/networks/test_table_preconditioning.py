"""A network under a table of steps answers as `from_epsilon` and its kin of the same network and table."""

import pytest
import torch

from denoscope import DiscreteSchedule, from_epsilon, from_velocity, from_x0
from denoscope.networks import NetworkSettings, TablePreconditioning, build_network

SETTINGS = {
    "arch": "guided",
    "shape": (1, 8, 8),
    "width": 32,
    "multipliers": (1,),
    "blocks": 1,
    "attention": (),
    "preconditioning": "table",
    "steps": 50,
}
OPENED = {"epsilon": from_epsilon, "velocity": from_velocity, "x0": from_x0}


@pytest.mark.parametrize("prediction", OPENED)
def test_it_is_the_denoiser_of_its_prediction_at_every_level(prediction):
    schedule = DiscreteSchedule.cosine(50)
    network = build_network(NetworkSettings(**SETTINGS, prediction=prediction))
    assert isinstance(network.eval().requires_grad_(False), TablePreconditioning)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    network.alphas_cumprod.copy_(schedule.alphas**2)
    other = OPENED[prediction](
        lambda x, index: network.model(x, index.float()), schedule, (1, 8, 8), time="index"
    )
    x = torch.randn(2, 1, 8, 8)
    for sigma in schedule.levels[::7]:
        level = sigma[None]
        answer, expected = network(x * (1 + sigma), level), other(x * (1 + sigma), level)
        assert (answer - expected).norm() <= 1e-5 * expected.norm()
