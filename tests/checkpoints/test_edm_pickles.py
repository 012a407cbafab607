"""EDM's network pickles: the networks in them answer as the original program's, and nothing is run."""

import json
import warnings
from pathlib import Path

import pytest
import torch

from checkpoints.edm_writer import EasyDict, edm_pickle, edm_record, wave_weights
from denoscope import open_denoiser
from denoscope.checkpoints import describe_model
from denoscope.checkpoints.foreign.edm_pickles import open_edm_pickle
from denoscope.checkpoints.imported import ImportedModel
from denoscope.errors import InputError
from denoscope.networks import IDDPMPreconditioning, NetworkSettings, build_network

# What the original program answers for weights and pictures by a rule (see `network`, `picture`).
OUTPUTS = json.loads((Path(__file__).parent / "edm_outputs.json").read_text())


def network(arch, preconditioning="edm", **changes):
    given = {
        "shape": (2, 8, 8),
        "width": 32 if arch == "adm" else 8,
        "multipliers": (1, 2),
        "blocks": 1,
        "attention": (4,),
        "label_dim": 5,
        "augment_dim": 9,
    }
    return NetworkSettings(arch=arch, preconditioning=preconditioning, **(given | changes))


def picture(sigma):
    return ((torch.arange(128.0) * 0.7).sin() * (1 + sigma)).reshape(1, 2, 8, 8)


def small(**changes):
    return NetworkSettings(
        arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1, attention=(), **changes
    )


def written(path, content, protocol=4):
    path.write_bytes(edm_pickle(content, protocol))
    return path


@pytest.mark.parametrize("case", OUTPUTS)
def test_answers_are_those_of_the_original_program(tmp_path, case):
    arch, preconditioning = case.split("-")
    record = edm_record(network(arch, preconditioning), wave_weights)
    path = written(tmp_path / "network-snapshot-000100.pkl", record, 3 if arch == "adm" else 4)
    model = open_edm_pickle(path)
    assert model.record.network.model_dump(exclude={"dropout"}) == network(
        arch, preconditioning
    ).model_dump(exclude={"dropout"})
    denoiser = model.denoiser
    for row in OUTPUTS[case]:
        sigma = torch.tensor([row["sigma"]], dtype=torch.float64)
        x = picture(row["sigma"])
        scale = 1e-5 * (1 + row["sigma"])
        answers = denoiser(x, sigma), model.network(x, sigma, torch.eye(5)[2:3])
        for answer, told in zip(answers, ("no_class", "class_2"), strict=True):
            expected = torch.tensor(row[told])
            torch.testing.assert_close(answer.flatten()[::37], expected, rtol=0, atol=scale)


def test_model_is_described(tmp_path):
    path = written(tmp_path / "edm.pkl", edm_record(network("adm", "ve", label_dim=5)))
    model = describe_model(path)
    assert model.family == "EDM pickle (VEPrecond, adm)"
    assert model.trained_on == "data/digits.zip, 1797 pictures"
    assert model.condition == "none of its 5 classes"
    assert len(model.content_hash) == 64
    with torch.device("meta"):
        assert model.parameters == sum(
            p.numel() for p in build_network(network("adm", "ve")).parameters()
        )
    spec = model.denoiser.spec
    assert (spec.shape, spec.sigma_min, spec.sigma_max) == ((2, 8, 8), 0.02, 100)
    assert "arXiv:2206.00364" in spec.citations[-1]
    assert describe_model(written(tmp_path / "b.pkl", edm_record(small()))).condition == ""


def test_iddpm_knows_its_levels_alone(tmp_path):
    path = written(tmp_path / "x.pkl", edm_record(small(preconditioning="iddpm")))
    spec = open_denoiser(path).spec
    assert spec.levels is not None
    torch.testing.assert_close(
        spec.levels, IDDPMPreconditioning.levels_like(torch.zeros(1, dtype=torch.float64))
    )


@pytest.mark.parametrize(
    ("low", "high", "known"), [(0, float("inf"), (0.002, 80)), (0.01, 50.0, (0.01, 50))]
)
def test_levels_are_the_files_where_it_states_an_end(tmp_path, low, high, known):
    record = edm_record(small())
    record["ema"].meta["state"] |= {"sigma_min": low, "sigma_max": high}
    spec = open_denoiser(written(tmp_path / "x.pkl", record)).spec
    assert (spec.sigma_min, spec.sigma_max) == known


def test_half_precision_and_shared_layouts_are_read(tmp_path):
    record = edm_record(small(), lambda net: net.half())
    model = open_edm_pickle(written(tmp_path / "x.pkl", record))
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    turned = edm_record(small(), lambda net: net.to(memory_format=torch.channels_last))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_edm_pickle(written(tmp_path / "y.pkl", turned))


def test_opening_draws_nothing_and_leaves_the_file(tmp_path):
    path = written(tmp_path / "x.pkl", edm_record(small()))
    before = path.read_bytes()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    open_denoiser(path)
    assert torch.equal(torch.rand(1), expected)
    assert path.read_bytes() == before


def test_saved_once_opens_as_the_same(tmp_path):
    path = written(tmp_path / "x.pkl", edm_record(network("ncsnpp", "ve"), wave_weights))
    model = open_edm_pickle(path)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    again = ImportedModel.load(tmp_path / "model")
    assert again.record == model.record
    sigma = torch.tensor([0.7], dtype=torch.float64)
    expected = open_denoiser(path)(picture(0.7), sigma)
    for where in (tmp_path / "model", tmp_path / "model" / "weights.safetensors"):
        assert torch.equal(open_denoiser(where)(picture(0.7), sigma), expected)
        assert describe_model(where).family == "EDM pickle (VEPrecond, ncsnpp)"


def refused(path, says):
    with pytest.raises(InputError, match=says) as caught:
        open_denoiser(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"encoder_type": "skip"}, "encoder_type skip"),
        ({"channel_mult_emb": 2}, "channel_mult_emb 2, where 4"),
        ({"embedding_type": "fourier", "encoder_type": "residual"}, "of a variant"),
        ({"mystery": 3}, "mystery 3, where nothing"),
        ({"model_channels": "wide\n"}, "width: Input should be a valid integer"),
        ({"model_channels": 8}, "does not fit the network"),
        ({"model_channels": 2**70}, "width: Input should be less than or equal"),
        ({"channel_mult": [2**62]}, "nothing can hold"),
        ({"num_blocks": 10**9}, "blocks: Input should be less than or equal"),
        ({"num_blocks": 900}, "describes 900 blocks"),
        ({"channel_mult": [1] * 70}, "a side of 8 pixels"),
        ({"img_resolution": 2**40}, "shape is at most 16384"),
        ({"out_channels": 5}, "out_channels 5"),
        ({"dropout": float("nan")}, "dropout"),
    ],
)
def test_variants_are_refused_by_name(tmp_path, changes, says):
    refused(written(tmp_path / "x.pkl", edm_record(small(), **changes)), says)


def test_other_contents_are_refused(tmp_path):
    path = tmp_path / "x.pkl"
    record = edm_record(small())
    refused(written(path, {"G_ema": record["ema"]}), "no network under 'ema' .it holds: G_ema")
    refused(written(path, [1, 2]), "no dictionary")
    record["ema"].meta["class_name"] = "Precond"  # of EDM2, whose network has another name
    refused(written(path, record), "holds nothing under its Precond: known is UNet")
    record["ema"].meta["class_name"] = "Other"
    refused(written(path, record), "holds a Other: known are EDMPrecond, .*, and EDM2's Precond")
    record = edm_record(small())
    record["ema"].meta["state"]["_init_kwargs"] = None
    refused(written(path, record), "does not say how its EDMPrecond was made")
    record = edm_record(small(preconditioning="vp"))
    record["ema"].meta["state"]["_init_kwargs"]["beta_d"] = 3.0
    refused(written(path, record), "beta_d 3.0, where 19.9")
    record = edm_record(small(), lambda net: net.model.map_layer0.weight.data.fill_(torch.nan))
    refused(written(path, record), "values that are not finite")
    record = edm_record(small(), lambda net: setattr(net.model.map_layer0, "bias", None))
    refused(written(path, record), "first difference: model.map_layer0.bias")
    refused(written(path, record | {"loss_fn": EasyDict(at=Path)}), "wants pathlib.Path")
