"""Stopped and resumed: bitwise the same weights and log as unbroken."""

import json

import pytest
import torch
from safetensors.torch import load_file

from denoscope.networks import NetworkSettings
from denoscope.training import loop, train
from denoscope.training.folder import state_path, weights_path


@pytest.fixture
def settings(settings_of):
    return settings_of(dropout=0.2, augment="flip", snapshots_kimg=(0.012,))


def logged(out):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [(line["pictures"], line["loss"]) for line in lines]


def assert_same_run(one, two):
    for path in (p.relative_to(one) for p in one.rglob("*.safetensors")):
        a, b = load_file(one / path), load_file(two / path)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a), path
    assert logged(one) == logged(two)


def stop_after(reports, *args, **kwargs):
    run = train(*args, **kwargs)
    for _ in range(reports):
        next(run)
    run.close()


@pytest.mark.parametrize("seconds", [-1.0, 3600.0])  # a state at each report; only at the end
def test_stopped_at_several_points(tmp_path, settings, pictures, record, monkeypatch, seconds):
    monkeypatch.setattr(loop, "STATE_SECONDS", seconds)
    list(train(settings, pictures, tmp_path / "unbroken", data=record))
    for reports in (1, 2, 3):
        stop_after(reports, settings, pictures, tmp_path / "broken", data=record, resume=True)
        torch.rand(3)
        assert state_path(tmp_path / "broken").exists() == (seconds < 0)
    list(train(settings, pictures, tmp_path / "broken", data=record, resume=True))
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


@pytest.mark.parametrize(
    ("network", "level"),
    [
        ({"arch": "skip", "width": 4, "multipliers": (1, 1)}, 0.5),  # with running statistics
        ({"arch": "dit", "width": 8, "blocks": 1, "preconditioning": "none"}, 4.0),
        ({"arch": "linear"}, 42.0),
        ({"arch": "ncsnpp", "width": 4, "multipliers": (1,), "preconditioning": "ve"}, None),
        ({"arch": "ddpmpp", "width": 4, "multipliers": (1,), "preconditioning": "vp"}, None),
    ],
)
def test_other_networks_and_losses(
    tmp_path, settings_of, pictures, record, monkeypatch, network, level
):
    monkeypatch.setattr(loop, "STATE_SECONDS", -1.0)
    network = NetworkSettings(shape=(1, 8, 8), **network)
    settings = settings_of(network=network, level=level, snapshots_kimg=(0.012,))
    list(train(settings, pictures, tmp_path / "unbroken", data=record))
    for reports in (1, 3):
        stop_after(reports, settings, pictures, tmp_path / "broken", data=record, resume=True)
        torch.rand(3)
    list(train(settings, pictures, tmp_path / "broken", data=record, resume=True))
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def test_leftovers_of_a_kill_are_harmless(tmp_path, settings, pictures, record, monkeypatch):
    monkeypatch.setattr(loop, "STATE_SECONDS", -1.0)
    list(train(settings, pictures, tmp_path / "unbroken", data=record))
    out = tmp_path / "broken"
    stop_after(3, settings, pictures, out, data=record)
    for name in ("run.json", "weights.safetensors", "resume/state.safetensors", "log.jsonl"):
        (out / f"{name}.partial").write_bytes(b"half")
    with open(out / "log.jsonl", "a") as file:
        file.write('{"pictures": 16, "lo')
    list(train(settings, pictures, out, data=record, resume=True))
    assert_same_run(tmp_path / "unbroken", out)
    assert not list(out.rglob("*.partial"))


def test_a_longer_run_continues(tmp_path, settings_of, pictures, record):
    list(train(settings_of(kimg=0.032), pictures, tmp_path / "long", data=record))
    list(train(settings_of(kimg=0.012), pictures, tmp_path / "grown", data=record))
    reports = list(
        train(settings_of(kimg=0.032), pictures, tmp_path / "grown", data=record, resume=True)
    )
    assert [r.pictures for r in reports] == [16, 20, 24, 28, 32]
    a, b = (load_file(weights_path(tmp_path / name)) for name in ("long", "grown"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert logged(tmp_path / "long") == logged(tmp_path / "grown")
