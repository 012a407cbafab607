"""A training as a task is the training it names, resumed wherever the data lie by then."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from denoscope.checkpoints import open_denoiser
from denoscope.errors import InputError
from denoscope.sweeps import TrainTask
from denoscope.training import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_training):
    """(store, task) of a finished training."""
    from denoscope.sweeps import Store

    store = Store(tmp_path_factory.mktemp("trained"))
    tiny_training.run(store, lambda share: None)
    return store, tiny_training


def test_weights_are_those_of_the_training_itself(trained, tiny_settings, digits, tmp_path):
    store, task = trained
    pictures, _ = task.data.split(digits)
    list(train(tiny_settings, pictures, tmp_path / "run", data=task.data))
    one = load_file(store.folder(task) / "weights.safetensors")
    two = load_file(tmp_path / "run" / "weights.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert open_denoiser(store.folder(task)).spec.shape == (1, 8, 8)


def test_it_reports_how_far_it_is(store, tiny_training):
    shares = []
    tiny_training.run(store, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_network_at_each_of_its_moments(trained):
    store, task = trained
    x, sigma = torch.zeros(1, 1, 8, 8), torch.ones(1)
    answers = [task.denoiser(store, kimg)(x, sigma) for kimg in (0, 0.032, 0.064)]
    assert not torch.equal(answers[1], answers[2])
    assert torch.equal(answers[2], task.denoiser(store)(x, sigma))
    # Untrained, the last layer is next to zero: D = c_skip x.
    assert answers[0].abs().max() < 1e-6
    with pytest.raises(InputError, match=r"choose from 0, 0\.032, 0\.064"):
        task.denoiser(store, 0.05)


def test_the_untrained_network_is_the_one_that_training_starts_from(trained):
    from denoscope.training import untrained

    store, task = trained
    start = untrained(task.settings).state_dict()
    fresh = task.denoiser(store, 0).network.state_dict()
    assert all(torch.equal(start[name], fresh[name]) for name in start)


def test_a_snapshot_needs_no_end_and_no_run_says_what_to_do(store, tiny_training):
    with pytest.raises(InputError, match="not a run"):
        tiny_training.denoiser(store)


def test_moved_data_go_on(trained, store, digits, tmp_path, tiny_settings):
    """The same pictures from a file: the same name, and a run begun on one ends on the other."""
    done_store, task = trained
    np.savez(tmp_path / "digits.npz", images=digits.pixels.numpy())
    moved = TrainTask.of(tiny_settings, digits, 16, where=str(tmp_path / "digits.npz"))
    assert moved.name == task.name
    folder = store.folder(task)
    shutil.copytree(done_store.folder(task), folder)
    (folder / "weights.safetensors").unlink()
    shutil.rmtree(folder / "resume")
    assert not store.done(moved)
    moved.run(store, lambda share: None)
    assert json.loads((folder / "run.json").read_text())["data"]["where"] == moved.data.where
    one = load_file(done_store.folder(task) / "weights.safetensors")
    two = load_file(folder / "weights.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_other_pictures_under_the_same_place_are_refused(store, tiny_training):
    data = tiny_training.data.model_copy(update={"fingerprint": "ab" * 32})
    with pytest.raises(InputError, match="give the pictures it was trained on"):
        tiny_training.model_copy(update={"data": data}).run(store, lambda share: None)


def test_the_estimate_grows_with_the_work(tiny_training):
    def seconds(**words):
        settings = tiny_training.settings.model_copy(update=words)
        return tiny_training.model_copy(update={"settings": settings}).seconds()

    assert 0 < seconds() < 1
    assert seconds(kimg=6.4) == pytest.approx(100 * seconds())
    network = tiny_training.settings.network
    wide = network.model_copy(update={"width": 64})
    assert seconds(network=wide) > 2 * seconds()
