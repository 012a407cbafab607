"""Checkpoints of denoising-diffusion-pytorch: the networks answer as the original program's."""

import json
from pathlib import Path

import pytest
import torch

from checkpoints.lucid_writer import lucid_record
from denoscope import DiscreteSchedule, open_denoiser
from denoscope.checkpoints import describe_model
from denoscope.checkpoints.foreign.lucid import open_lucid
from denoscope.checkpoints.foreign.model_files import open_foreign_file
from denoscope.checkpoints.imported import ImportedModel
from denoscope.errors import InputError
from denoscope.networks import NetworkSettings

SCHEDULE, STEP = DiscreteSchedule.linear(100, 1e-3, 0.2), 40
# What the original program answers at that step for weights and a picture by a rule.
OUTPUTS = json.loads((Path(__file__).parent / "lucid_outputs.json").read_text())
USUAL = {"full": (False, True), "heads": (4, 4), "head_widths": (32, 32)}
GROUPS = {"memory": False, "normalization": "group"}
STANDARDIZED = {"memory": False, "normalization": "standardized", "full": (False, False)}
# The layout, the prediction, the release, and the bound of the weights of its loss.
CASES = {
    "newest": ({}, "velocity", "2.3.1", 0),
    "newest-bounded": ({"self_condition": True}, "epsilon", "2.3.1", 5),
    "heads": (
        {"full": (True, False), "heads": (2, 1), "head_widths": (8, 16), "first": 24},
        "x0",
        "2.3.1",
        0,
    ),
    "groups": (GROUPS, "x0", "1.8.0", 0),
    "wrapped": (GROUPS | {"full": (False, False)}, "velocity", "1.7.7", 0),
    "standardized": (STANDARDIZED, "epsilon", "1.6.4", 0),
    "unweighted": (STANDARDIZED, "epsilon", "1.0.0", 0),
}


def settings(case):
    layout, prediction, version, bound = CASES[case]
    made = NetworkSettings(
        arch="lucid",
        shape=(2, 8, 8),
        width=16,
        multipliers=(1, 2),
        steps=len(SCHEDULE),
        prediction=prediction,
        lucid={"first": 16} | USUAL | layout,
    )
    return made, version, bound


def picture(_=None):
    return ((torch.arange(128.0) * 0.7).sin() * 2).reshape(1, 2, 8, 8)


def saved(path, case="newest", **changes):
    torch.save(lucid_record(settings(case)[0], SCHEDULE, *settings(case)[1:]) | changes, path)
    return path


def answer(denoiser):
    """At the step: the original's x_t is alpha times our x."""
    index = torch.tensor([STEP])
    return denoiser(picture() / SCHEDULE.alpha(index).float(), denoiser_level(denoiser))


def denoiser_level(denoiser):
    return denoiser.spec.levels[len(SCHEDULE) - 1 - STEP].reshape(1)


@pytest.mark.parametrize("case", CASES)
def test_answers_are_those_of_the_original_program(tmp_path, case):
    model = open_lucid(saved(tmp_path / "model-1.pt", case), 8)
    assert model.record.network == settings(case)[0]
    levels = model.denoiser.spec.levels
    assert levels is not None
    torch.testing.assert_close(levels, SCHEDULE.levels, rtol=2e-7, atol=0)
    expected = torch.tensor(OUTPUTS[case])
    atol = 1e-5 * expected.abs().max().item()
    torch.testing.assert_close(answer(model.denoiser).flatten()[::37], expected, rtol=0, atol=atol)


@pytest.mark.parametrize("case", ["newest-bounded", "standardized"])
def test_saved_once_opens_as_the_same(tmp_path, case):
    model = open_lucid(saved(tmp_path / "model-1.pt", case), 8)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    assert ImportedModel.load(tmp_path / "model").record == model.record
    assert torch.equal(answer(open_denoiser(tmp_path / "model")), answer(model.denoiser))


def test_model_is_described(tmp_path):
    (tmp_path / "model").mkdir()
    open_lucid(saved(tmp_path / "model-1.pt", "newest-bounded"), 8).save(tmp_path / "model")
    model = describe_model(tmp_path / "model")
    told = "version 2.3.1, averaged weights"
    assert model.family == f"denoising-diffusion-pytorch checkpoint ({told})"
    assert model.assumed == "pictures of 8 x 8 over [-1, 1], waves of period 10000"
    assert model.condition == "no estimate of its own (zeros, as at the first step of its sampler)"
    assumed = open_lucid(saved(tmp_path / "x.pt", "unweighted"), 8).record.assumed
    assert assumed == (
        "pictures of 8 x 8 over [-1, 1], waves of period 10000, predicts epsilon, "
        "4 attention heads, groups of 8 channels"
    )


def test_without_an_average_the_model_itself_is_opened(tmp_path):
    model = open_lucid(saved(tmp_path / "x.pt", ema=None), 8)
    assert "not averaged" in model.record.family
    assert not any(p.any() for p in model.network.parameters())


def test_a_prediction_can_be_stated(tmp_path):
    path = saved(tmp_path / "x.pt", "unweighted")
    assert open_lucid(path, 8, "x0").record.network.prediction == "x0"


def refused(path, says, size=8):
    with pytest.raises(InputError, match=says) as caught:
        open_foreign_file(path, size)
    assert "\n" not in str(caught.value)


def test_the_size_must_be_stated(tmp_path):
    path = saved(tmp_path / "model-1.pt")
    refused(path, "denoscope import model-1.pt --size PIXELS --out DIR", None)
    refused(path, "a side of 7 pixels", 7)
    refused(path, "shape is at most", 2**20)
    with pytest.raises(InputError, match="does not say the size"):
        open_denoiser(path)


@pytest.mark.parametrize("version", ["1.7.1", "1.7.3", "", "new"])
def test_releases_that_cannot_be_told_apart_are_refused(tmp_path, version):
    record = lucid_record(settings("wrapped")[0], SCHEDULE, "1.7.7")
    torch.save(record | {"version": version or None}, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "of a variant that this version has not: version")


def test_other_contents_are_refused(tmp_path):
    path = tmp_path / "x.pt"

    def changed(says, **values):
        record = lucid_record(settings("newest")[0], SCHEDULE)
        record["ema"] |= {f"ema_model.{name.replace('__', '.')}": v for name, v in values.items()}
        torch.save(record, path)
        refused(path, says)

    changed("weighs its loss in no known way", loss_weight=torch.linspace(1, 2, 100))
    changed("tables of steps do not fit", loss_weight=torch.ones(3))
    changed("tables of steps do not fit", alphas_cumprod=torch.ones(3))
    changed("tables of steps do not fit", alphas_cumprod=torch.ones(100).mul(0.3))
    changed("mystery is no tensor", model__mystery=3)
    changed("first difference: model.mystery", model__mystery=torch.ones(1))
    changed("a learned embedding", model__time_mlp__0__weights=torch.ones(8))
    changed("not finite", model__final_conv__bias=torch.full((2,), torch.nan))
    changed("2 channels, answered by 7", model__final_conv__weight=torch.ones(7, 16, 1, 1))
    changed("missing, or no layer", model__downs__0__2__to_qkv__weight=torch.ones(1))
    torch.save({"model": 3}, path)
    refused(path, "it holds: model")


def test_a_file_that_says_its_size_takes_no_other(tmp_path):
    from checkpoints.hostile import good_pickle

    (tmp_path / "x.pkl").write_bytes(good_pickle())
    assert open_foreign_file(tmp_path / "x.pkl", 8).record.network.shape == (1, 8, 8)
    refused(tmp_path / "x.pkl", "is of 8 pixels, not 16: leave --size out", 16)
