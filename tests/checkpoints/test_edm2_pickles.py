"""EDM2's network pickles: the networks in them answer as the original program's, and nothing is run."""

import json
from pathlib import Path

import pytest
import torch

from checkpoints.edm2_writer import edm2_record, edm2_weights
from checkpoints.edm_writer import Persistent, edm_pickle
from denoscope import open_denoiser
from denoscope.checkpoints import describe_model
from denoscope.checkpoints.foreign.edm_pickles import open_edm_pickle
from denoscope.checkpoints.imported import ImportedModel
from denoscope.cli.descriptions import describe_place
from denoscope.errors import InputError
from denoscope.networks import NetworkSettings

# What the original program answers for weights and pictures by a rule (see `network`, `picture`).
OUTPUTS = json.loads((Path(__file__).parent / "edm2_outputs.json").read_text())
SIZES = {"multipliers": (1, 2), "blocks": 1, "attention": (4,)}
CASES = {
    "latents": {"shape": (4, 8, 8), "width": 32, "label_dim": 5, "edm2": {"head_width": 32}},
    "pictures": {
        "shape": (2, 8, 8),
        "width": 16,
        "sigma_data": 0.7,
        "edm2": {"head_width": 16, "taps": (1, 3, 3, 1)},
    },
}


def network(case="pictures", **changes):
    return NetworkSettings(arch="edm2", **(SIZES | CASES[case] | changes))


def picture(sigma, channels):
    values = (torch.arange(64.0 * channels) * 0.7).sin() * (1 + sigma)
    return values.reshape(1, channels, 8, 8)


def written(path, content, protocol=4):
    path.write_bytes(edm_pickle(content, protocol))
    return path


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("protocol", [4, 5])
def test_answers_are_those_of_the_original_program(tmp_path, case, protocol):
    settings = network(case)
    record = edm2_record(settings, edm2_weights)
    model = open_edm_pickle(written(tmp_path / "edm2.pkl", record, protocol))
    assert model.record.network == settings
    for row in OUTPUTS[case]:
        sigma = torch.tensor([row["sigma"]], dtype=torch.float64)
        x = picture(row["sigma"], settings.shape[0])
        labels = torch.eye(5)[2:3] if settings.label_dim else None
        told = {"no_class": model.denoiser(x, sigma), "class_2": model.network(x, sigma, labels)}
        for name in row.keys() - {"sigma"}:
            expected = torch.tensor(row[name])
            atol = 5e-6 * (1 + row["sigma"])
            torch.testing.assert_close(told[name].flatten()[::37], expected, rtol=1e-5, atol=atol)


def test_model_of_latents_is_described(tmp_path):
    path = written(tmp_path / "edm2-img512.pkl", edm2_record(network("latents")))
    model = describe_model(path)
    assert model.family == "EDM2 pickle (Precond, edm2)"
    assert model.trained_on == "data/img512-sd.zip, with labels"
    assert model.condition == "none of its 5 classes, though it was always given one in training"
    assert "arXiv:2312.02696" in model.denoiser.spec.citations[0]
    assert (model.denoiser.spec.sigma_min, model.denoiser.spec.sigma_max) == (0.002, 80)
    space = describe_place(str(path), None, None)["space"]
    assert space == (
        "latents of stabilityai/sd-vae-ft-mse, by channel times (0.25, 0.5, 0.125, 1) plus "
        "(-0.25, -0.5, -0.125, -1)"
    )


def test_model_of_pictures_is_of_pictures(tmp_path):
    path = written(tmp_path / "x.pkl", edm2_record(network()))
    assert "space" not in describe_place(str(path), None, None)
    assert describe_model(path).condition == ""


@pytest.mark.parametrize("case", CASES)
def test_saved_once_opens_as_the_same_in_half_precision_too(tmp_path, case):
    """A snapshot is written in half precision: its weights are brought to float32."""

    def half(module):
        edm2_weights(module)
        module.half()

    model = open_edm_pickle(written(tmp_path / "x.pkl", edm2_record(network(case), half)))
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    assert ImportedModel.load(tmp_path / "model").record == model.record
    x, sigma = picture(0.7, network(case).shape[0]), torch.tensor([0.7], dtype=torch.float64)
    again = open_denoiser(tmp_path / "model")
    assert torch.equal(again(x, sigma), model.denoiser(x, sigma))
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}


def refused(path, says):
    with pytest.raises(InputError, match=says) as caught:
        open_denoiser(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mystery": 3}, "mystery 3, where nothing"),
        ({"model_channels": "wide\n"}, "width: Input should be a valid integer"),
        ({"model_channels": 32}, "does not fit the network"),
        ({"channel_mult_emb": 2**60}, "edm2.embedding: Input should be less than or equal"),
        ({"channel_mult_noise": "x"}, "edm2.noise_features: Input should be a valid integer"),
        ({"resample_filter": [1, 2, 1]}, "even number of taps"),
        ({"resample_filter": [1] * 999}, "edm2.taps: Tuple should have at most 16"),
        ({"clip_act": float("nan")}, "edm2.clip"),
        ({"channels_per_head": 0}, "edm2.head_width"),
        ({"num_blocks": 900}, "describes 1800 blocks"),
        ({"img_resolution": 2**40}, "shape is at most 16384"),
    ],
)
def test_variants_are_refused_by_name(tmp_path, changes, says):
    refused(written(tmp_path / "x.pkl", edm2_record(network(), **changes)), says)


def test_other_contents_are_refused(tmp_path):
    path, record = tmp_path / "x.pkl", edm2_record(network())
    refused(written(path, record | {"encoder": Persistent("Other")}), "has the encoder Other")
    refused(written(path, record | {"encoder": 3}), "has the encoder 3")
    strange = Persistent("StabilityVAEEncoder", vae_name="x", scale=[1.0], bias=None)
    refused(written(path, record | {"encoder": strange}), "does not say what its latents are")
    record["ema"].meta["state"]["_modules"]["unet"].meta["class_name"] = "Other"
    refused(written(path, record), "holds Other under its Precond: known is UNet")
