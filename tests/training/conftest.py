"""The smallest network and settings that train on digits."""

import pytest

from denoscope.networks import NetworkSettings
from denoscope.training import DataRecord, TrainSettings


def tiny_network(**changes):
    given = {"arch": "ddpmpp", "shape": (1, 8, 8), "width": 4, "multipliers": (1,), "blocks": 1}
    return NetworkSettings(**{**given, "attention": (), "dropout": 0.0, **changes})


@pytest.fixture
def settings_of():
    """settings_of(batch=4, dropout=0.1, ...): TrainSettings of the tiny network, 8 steps."""

    def make(dropout=0.0, preconditioning="edm", **changes):
        network = tiny_network(dropout=dropout, preconditioning=preconditioning)
        given = {"network": network, "kimg": 0.032, "batch": 4}
        return TrainSettings(**{**given, "warmup_kimg": 0.01, **changes})

    return make


@pytest.fixture(scope="session")
def record(digits):
    """The record of 64 training digits."""
    return DataRecord.of(digits, 64, where="digits")


@pytest.fixture(scope="session")
def pictures(digits, record):
    return record.split(digits)[0]
