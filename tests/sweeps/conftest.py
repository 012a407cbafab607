"""A study's smallest pieces, for all tests of this room."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for sweep_tasks, also in workers


@pytest.fixture
def store(tmp_path):
    from denoscope.sweeps import Store

    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def tiny_settings():
    from denoscope.networks import NetworkSettings
    from denoscope.training import TrainSettings

    network = NetworkSettings(
        arch="ddpmpp",
        shape=(1, 8, 8),
        width=4,
        multipliers=(1,),
        blocks=1,
        attention=(),
        dropout=0.0,
    )
    return TrainSettings(network=network, kimg=0.064, batch=16, snapshots_kimg=(0.032,))


@pytest.fixture(scope="session")
def tiny_training(tiny_settings, digits):
    from denoscope.sweeps import TrainTask

    return TrainTask.of(tiny_settings, digits, 16, where="digits")
