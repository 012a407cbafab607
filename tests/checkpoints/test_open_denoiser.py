import hashlib
import importlib
import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from denoscope.checkpoints import NetworkDenoiser, describe_model, open_denoiser
from denoscope.denoiser import as_sigma
from denoscope.errors import InputError, SigmaOutOfRange
from denoscope.networks import NetworkSettings, build_network
from denoscope.noise import noise
from denoscope.training import DataRecord, RunRecord, TrainSettings, train


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, to spoil."""
    return shutil.copytree(trained, tmp_path / "run")


def x_of(n=3):
    return noise(range(n), (1, 8, 8), seed=0, stream="test")


def test_a_run_opens_as_the_network_of_its_averaged_weights(trained):
    record = RunRecord.read(trained / "run.json")
    network = build_network(record.settings.network)
    network.load_state_dict(load_file(trained / "weights.safetensors"))
    sigma = torch.tensor([0.002, 1.0, 80.0], dtype=torch.float64)
    with torch.no_grad():
        expected = network.eval()(x_of(), sigma.float())
    denoiser = open_denoiser(trained)
    assert isinstance(denoiser, NetworkDenoiser)
    assert not denoiser.network.training  # or dropout would draw
    assert torch.equal(denoiser(x_of(), sigma), expected)
    assert not denoiser(x_of(), sigma).requires_grad
    assert denoiser.spec.shape == (1, 8, 8)


def test_opening_moves_no_generator(trained):
    before = torch.get_rng_state()
    open_denoiser(trained)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_snapshot_opens_as_itself(trained):
    early = open_denoiser(trained / "snapshots" / "000000004.safetensors")
    late = open_denoiser(str(trained))
    weights = load_file(trained / "snapshots" / "000000004.safetensors")
    for name, value in early.network.state_dict().items():
        assert torch.equal(value, weights[name])
    sigma = as_sigma(0.5, x_of())
    assert not torch.equal(early(x_of(), sigma), late(x_of(), sigma))


@pytest.fixture(scope="module")
def run_of(tmp_path_factory, digits):
    """run_of(network, level=...): the folder of a run of two steps."""

    def make(network, **training):
        settings = TrainSettings(
            network=NetworkSettings(shape=(1, 8, 8), **network), kimg=0.008, batch=4, **training
        )
        record = DataRecord.of(digits, 20, where="digits")
        out = tmp_path_factory.mktemp("runs") / "run"
        list(train(settings, record.split(digits)[0], out, data=record))
        return out

    return make


@pytest.mark.parametrize("arch", ["skip", "linear"])
def test_a_dae_opens_as_a_denoiser_of_its_level(run_of, arch):
    denoiser = open_denoiser(run_of({"arch": arch}, level=4.066))
    assert denoiser.spec.levels.tolist() == [4.066]
    alone = denoiser(x_of(1), as_sigma(4.066, x_of()))
    together = denoiser(x_of(), torch.full((3,), 4.066))  # also from float32
    torch.testing.assert_close(together[:1], alone)  # no statistics of the batch
    for sigma in (4.0, 4.1, 0.5):
        with pytest.raises(SigmaOutOfRange):
            denoiser(x_of(), torch.tensor([sigma]))
    assert denoiser.spec.citations == ()


def test_running_statistics_are_kept(run_of):
    weights = load_file(run_of({"arch": "skip"}, level=0.5) / "weights.safetensors")
    assert int(weights["model.enc.0.0.1.num_batches_tracked"]) == 2
    assert bool((weights["model.enc.0.0.1.running_var"] != 1).all())


@pytest.mark.parametrize(
    ("preconditioning", "low", "high"), [("vp", 0.0010005, 152.17), ("ve", 0.02, 100.0)]
)
def test_vp_and_ve_open_with_their_own_range(run_of, preconditioning, low, high):
    network = {"arch": "ddpmpp", "width": 4, "multipliers": (1,), "blocks": 1}
    denoiser = open_denoiser(run_of(network | {"preconditioning": preconditioning}))
    assert denoiser.spec.levels is None
    assert denoiser.spec.sigma_min == pytest.approx(low, rel=1e-4)
    assert denoiser.spec.sigma_max == pytest.approx(high, rel=1e-4)
    assert any("2011.13456" in work for work in denoiser.spec.citations)
    assert bool(denoiser(x_of(), torch.tensor([low * 1.01, 1.0, high * 0.99])).isfinite().all())


@pytest.fixture
def folder_of(run_of, tmp_path):
    """folder_of(name=level or None, ...): a folder of runs."""

    def make(**levels):
        dae, other = {"arch": "linear"}, {"arch": "ddpmpp", "width": 4, "multipliers": (1,)}
        for name, level in levels.items():
            made = run_of(other) if level is None else run_of(dae, level=level)
            shutil.copytree(made, tmp_path / name)
        return tmp_path

    return make


def test_a_folder_of_daes_is_one_denoiser(folder_of):
    folder = folder_of(low=0.5, high=4.066)
    model = describe_model(folder)
    assert model.family == "denoscope runs, one a level (linear)"
    assert model.denoiser.spec.levels.tolist() == [4.066, 0.5]
    assert model.record == RunRecord.read(folder / "high" / "run.json")
    assert model.parameters == 2 * (64 * 64 + 64)
    weights = [(folder / run / "weights.safetensors").read_bytes() for run in ("high", "low")]
    assert model.content_hash == hashlib.sha256(b"".join(weights)).hexdigest()
    mixed = model.denoiser(x_of(), torch.tensor([0.5, 4.066, 0.5]))
    one = open_denoiser(folder / "high")(x_of()[1:2], as_sigma(4.066, mixed))
    torch.testing.assert_close(mixed[1:2], one)
    with pytest.raises(SigmaOutOfRange):
        model.denoiser(x_of(), torch.tensor([1.0]))


def test_a_folder_of_runs_that_are_not_one_denoiser_is_refused(folder_of):
    folder = folder_of(one=4.066)
    shutil.copytree(folder / "one", folder / "again")
    refused(folder, r"two denoisers for sigma 4\.066")
    record = json.loads((folder / "one" / "run.json").read_text())
    record["data"]["split_seed"] = 1
    (folder / "one" / "run.json").write_text(json.dumps(record))
    refused(folder, "the runs again, one in .* were not all trained on the same pictures")
    (folder / "one" / "weights.safetensors").unlink()
    shutil.rmtree(folder / "again")
    refused(folder, "holds no finished weights")
    folder_of(whole=None)
    refused(folder, "holds the runs one, whole: give one of them")


def test_describe_says_what_is_known(trained):
    model = describe_model(trained)
    assert model.record == RunRecord.read(trained / "run.json")
    assert model.family == "denoscope run (ddpmpp)"
    weights = load_file(trained / "weights.safetensors")
    parameters = dict(model.denoiser.network.named_parameters())
    assert model.parameters == sum(weights[name].numel() for name in parameters)
    content = (trained / "weights.safetensors").read_bytes()
    assert model.content_hash == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("sigma", [0.0, 0.0019, 80.1, float("inf"), float("nan")])
def test_levels_outside_the_trained_range_are_refused(trained, sigma):
    with pytest.raises(SigmaOutOfRange):
        open_denoiser(trained)(x_of(), torch.tensor([sigma]))


@pytest.mark.parametrize("shape", [(3, 1, 8, 4), (3, 3, 8, 8), (1, 8, 8)])
def test_other_shapes_are_refused(trained, shape):
    with pytest.raises(InputError):
        open_denoiser(trained)(torch.zeros(shape), torch.ones(1))


def refused(where, said):
    with pytest.raises(InputError, match=said) as caught:
        open_denoiser(where)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path):
    refused(tmp_path / "nothing", "no model at")
    refused("bundled:nobody", "no bundled model is called 'nobody'")
    refused(tmp_path, r"it has no run\.json")
    (tmp_path / "picture.png").write_bytes(b"png")
    refused(tmp_path / "picture.png", r"it has no run\.json")


def test_an_unfinished_run_is_refused(run):
    (run / "weights.safetensors").unlink()
    refused(run, "holds no finished weights: .* --resume")


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"not a file of tensors", b"\xff" * 64])
def test_files_that_are_no_tensors_are_refused(run, content):
    (run / "weights.safetensors").write_bytes(content)
    refused(run, "is not a whole safetensors file")


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_truncated_weights_are_refused(run, share):
    whole = (run / "weights.safetensors").read_bytes()
    (run / "weights.safetensors").write_bytes(whole[: int(len(whole) * share)])
    refused(run, "is not a whole safetensors file")


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(run, value):
    weights = load_file(run / "weights.safetensors")
    name = sorted(weights)[3]
    weights[name].view(-1)[-1] = value
    save_file(weights, run / "weights.safetensors")
    refused(run, f"values that are not finite .first in {name}")


@pytest.mark.parametrize("spoil", ["missing", "foreign", "shape"])
def test_weights_of_another_network_are_refused(run, spoil):
    weights = load_file(run / "weights.safetensors")
    name = sorted(weights)[0]
    if spoil == "missing":
        del weights[name]
    elif spoil == "foreign":
        weights[name := "stranger"] = torch.zeros(1)
    else:
        weights[name] = torch.zeros(1, 2, 3)
    save_file(weights, run / "weights.safetensors")
    refused(run, f"does not fit the network .*first difference: {name}")


def test_the_resumable_state_is_no_model(run):
    refused(run / "resume" / "state.safetensors", r"it has no run\.json")
    refused(run / "run.json", "is not a whole safetensors file")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"settings": 1}', "\x00"])
def test_a_corrupt_run_json_is_refused(run, content):
    (run / "run.json").write_text(content)
    refused(run, r"run\.json cannot be read")


def test_another_schema_is_refused(run):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "schema_version": 2, "later": True}))
    refused(run, "has schema 2, this version reads 1")
    (run / "run.json").write_text(json.dumps({**record, "later": True}))
    refused(run, "later: Extra inputs are not permitted")
    record["settings"]["network"]["width"] = 5
    (run / "run.json").write_text(json.dumps(record))
    refused(run, r"settings\.network.*multiple of 4")


def test_where_all_must_run_the_library_of_foreign_models_is_there():
    """Elsewhere the tests of diffusers' models are skipped where it is not installed."""
    if os.environ.get("CI"):
        importlib.import_module("diffusers")
