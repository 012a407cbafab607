"""A small finished run with a snapshot."""

import pytest

from denoscope.networks import NetworkSettings
from denoscope.training import DataRecord, TrainSettings, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory, digits):
    """The folder of a run of two steps on 20 digits; not to be written to."""
    network = NetworkSettings(
        arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1, attention=()
    )
    settings = TrainSettings(network=network, kimg=0.008, batch=4, snapshots_kimg=(0.004,))
    record = DataRecord.of(digits, 20, where="digits")
    out = tmp_path_factory.mktemp("runs") / "run"
    list(train(settings, record.split(digits)[0], out, data=record))
    return out
