"""Halves of a batch on two threads: the gradients of the whole batch."""

import pytest
import torch

from denoscope.networks import NetworkSettings
from denoscope.training import TrainSettings, edm_loss, untrained
from denoscope.training.order import step_generator
from denoscope.training.shards import SHARDS, Shards


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def gradients(network, batch):
    """The loss and its gradients, with as many threads as torch has."""
    generator = torch.Generator().manual_seed(3)
    x0 = torch.rand(batch, 1, 8, 8, generator=generator) * 2 - 1
    eps = torch.randn(x0.shape, generator=generator)
    sigma = torch.rand(batch, generator=generator) + 0.1
    shards = Shards(network)
    loss = shards.backward(
        lambda *rows: edm_loss(network, *rows).sum() / batch,
        (x0, sigma, eps),
        [step_generator(0, 0, shard) for shard in range(SHARDS)],
    )
    found = [parameter.grad for parameter in network.parameters()]
    network.zero_grad(set_to_none=True)
    return shards, loss, found


@pytest.mark.parametrize("batch", [1, 5, 8])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_halves_make_the_gradient_of_the_whole(threads, batch, dropout):
    sizes = {"width": 4, "multipliers": (1,), "blocks": 1, "attention": ()}
    network = NetworkSettings(arch="ddpmpp", shape=(1, 8, 8), dropout=dropout, **sizes)
    model = untrained(TrainSettings(network=network)).train().double()
    draw = torch.Generator().manual_seed(0)
    for parameter in model.parameters():  # the last layers start at almost zero
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=draw)
    threads(1)
    whole, loss, expected = gradients(model, batch)
    threads(2)
    halved, again, found = gradients(model, batch)
    assert whole.pool is None
    assert halved.pool is not None
    assert torch.get_num_threads() == 2
    torch.testing.assert_close(again, loss)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


def test_a_batch_norm_sees_the_whole_batch(threads):
    threads(2)
    settings = NetworkSettings(arch="skip", shape=(1, 8, 8), width=4, multipliers=(1, 1))
    assert Shards(untrained(TrainSettings(network=settings, level=0.5))).pool is None


def test_the_callers_threads_come_back(threads):
    threads(2)
    shards = Shards(torch.nn.Linear(2, 2))
    with shards.at_work():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
