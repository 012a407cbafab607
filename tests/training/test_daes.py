"""Denoising autoencoders, trained: what theory says of the linear one, and what batch norm keeps."""

import pytest
import torch

from denoscope.checkpoints import open_denoiser
from denoscope.closed_form import GaussianDenoiser
from denoscope.networks import NetworkSettings
from denoscope.noise import noise
from denoscope.training import DataRecord, TrainSettings, train


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """trained(arch, level, kimg=..., ...): (the DAE on 800 digits, these digits, 64 others)."""

    def make(network, level, **training):
        record = DataRecord.of(digits, 800, where="digits")
        pictures, held_out = record.split(digits)
        settings = TrainSettings(
            network=NetworkSettings(shape=(1, 8, 8), **network), level=level, **training
        )
        out = tmp_path_factory.mktemp("daes") / "run"
        list(train(settings, pictures, out, data=record))
        return open_denoiser(out), pictures, held_out.take(range(64))

    return make


def noisy(pictures, level):
    eps = noise(pictures.ids.tolist(), pictures.shape, seed=0, stream="test")
    return pictures.floats() + level * eps


def rmse(one, two):
    return float((one - two).flatten(1).square().mean(1).sqrt().mean())


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("level", "kimg", "rate"),
    [
        (0.47, 80, 5e-3),
        # one recipe for all levels: the length and the rate that the hardest one, the highest, needs
        *[pytest.param(level, 800, 1e-3, marks=SLOW) for level in (42.415, 4.066, 0.47, 0.1166)],
    ],
)
def test_a_linear_dae_becomes_the_gaussian_denoiser(trained, level, kimg, rate):
    """Li et al. 2024, theorem 1: the only optimum of eq. 3 among affine maps is D_G."""
    dae, pictures, held_out = trained(
        {"arch": "linear"}, level, kimg=kimg, batch=100, learning_rate=rate, warmup_kimg=1
    )
    gaussian = GaussianDenoiser.fit(pictures)
    x, sigma = noisy(held_out, level), torch.tensor([level])
    start = rmse(gaussian(x, sigma), torch.zeros_like(x))  # W = b = 0
    assert start > 0.4
    assert rmse(dae(x, sigma), gaussian(x, sigma)) < 0.04


def test_the_running_statistics_are_those_of_the_averaged_weights(trained):
    """Evaluated with its running statistics the DAE errs as with those of one large batch."""
    network = {"arch": "skip", "width": 8, "multipliers": (1, 2), "blocks": 1}
    dae, pictures, _ = trained(network, 0.47, kimg=8, batch=32, learning_rate=5e-3, warmup_kimg=1)
    x, sigma = noisy(pictures, 0.47), torch.tensor([0.47])
    running = rmse(dae(x, sigma), pictures.floats())
    dae.network.train()
    of_the_batch = rmse(dae.network(x, sigma), pictures.floats())
    assert abs(running / of_the_batch - 1) < 0.05
    assert running < 0.47  # it denoises
