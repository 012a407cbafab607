"""Checkpoints of guided-diffusion: the networks answer as the original program's, nothing is run."""

import pytest
import torch

from checkpoints.edm_writer import wave_weights
from denoscope import DiscreteSchedule, open_denoiser
from denoscope.checkpoints import describe_model
from denoscope.checkpoints.foreign.guided_diffusion import Unstated, open_guided
from denoscope.checkpoints.imported import ImportedModel
from denoscope.errors import InputError
from denoscope.networks import GuidedUNet

TABLE = DiscreteSchedule.linear()
VARIANTS = {
    "blocks": ({"head_width": 16, "qkv_first": True}, {}),
    "convolutions": ({"heads": 4}, {"conv_resampling": True, "shift_only": True}),
}
# The first channels that the original program answers at step 700, class 2 (see `network`), every 17th.
OUTPUTS = {
    "blocks": [
        *(0.005315335, -0.005680143, -0.007632787, -0.02570164),
        *(-0.001976131, -0.01194155, 0.01570889, 0.02695252),
    ],
    "convolutions": [
        *(-0.1009831, -0.09047074, -0.08670983, -0.09800175),
        *(-0.1081654, -0.0966123, -0.08863608, -0.09517912),
    ],
}


def network(variant="blocks", labels=5, side=8, width=32, multipliers=(1, 2), **changes):
    """Weights by a rule, a fifth of `wave_weights`."""
    heads, kind = VARIANTS[variant]
    sizes = {"blocks": 1, "attention": (side // 2,), "label_dim": labels}
    made = GuidedUNet(
        side, 2, 4, width=width, multipliers=multipliers, **sizes | heads | kind | changes
    )
    wave_weights(made)
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(0.2)
    return made


def saved(path, made, **changes):
    torch.save({**made.state_dict(), **changes}, path)
    return path


def known(variant="blocks"):
    return Unstated(8, TABLE, **VARIANTS[variant][0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_are_those_of_the_original_program(tmp_path, variant):
    model = open_guided(saved(tmp_path / "x.pt", network(variant)), known(variant))
    picture = ((torch.arange(128.0) * 0.7).sin() * 2).reshape(1, 2, 8, 8)
    raw = model.network.model(picture, torch.tensor([700.0]), torch.eye(5)[2:3])[:, :2]
    expected = torch.tensor(OUTPUTS[variant])
    torch.testing.assert_close(raw.flatten()[::17], expected, rtol=0, atol=1e-6)
    sigma = TABLE.level(torch.tensor([700]))
    alpha, noise = (
        TABLE.alpha(torch.tensor([700])).float(),
        TABLE.sigma(torch.tensor([700])).float(),
    )
    x0 = (picture - noise * raw) / alpha
    answer = model.network(picture / alpha, sigma.float(), torch.eye(5)[2:3])
    torch.testing.assert_close(answer, x0, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_saved_once_opens_as_the_same(tmp_path, variant):
    model = open_guided(saved(tmp_path / "x.pt", network(variant)), known(variant))
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    assert ImportedModel.load(tmp_path / "model").record == model.record
    again = open_denoiser(tmp_path / "model")
    assert again.spec.levels is not None
    torch.testing.assert_close(again.spec.levels, TABLE.levels, rtol=1e-12, atol=0)
    x, sigma = torch.ones(1, 2, 8, 8), again.spec.levels[300:301]
    assert torch.equal(again(x, sigma), model.denoiser(x, sigma))


def test_a_published_architecture_needs_no_words(tmp_path):
    made = network(side=64, multipliers=(1, 2, 3, 4), width=64, labels=3, head_width=64)
    model = describe_model(saved(tmp_path / "64x64_diffusion.pt", made))
    assert model.assumed == (
        "side 64, 1000 steps, cosine, heads of 64 channels, new attention order"
    )
    assert model.condition == "none of its 3 classes, though it was always given one in training"
    spec = model.denoiser.spec
    assert spec.shape == (2, 64, 64)
    assert spec.levels is not None
    torch.testing.assert_close(spec.levels, DiscreteSchedule.cosine().levels, rtol=1e-9, atol=0)
    assert "arXiv:2105.05233" in spec.citations[0]


def refused(path, says, unstated=None):
    with pytest.raises(InputError, match=says) as caught:
        open_guided(path, unstated) if unstated else open_denoiser(path)
    assert "\n" not in str(caught.value)


def test_what_no_file_says_must_be_stated(tmp_path):
    path = saved(tmp_path / "x.pt", network())
    refused(path, "state them in a factory of yours")
    refused(path, "either heads or a head_width", Unstated(8, TABLE, heads=2, head_width=16))
    refused(path, "do not divide", Unstated(8, TABLE, heads=5))
    refused(path, "shape", Unstated(2**20, TABLE, heads=1))


def test_other_contents_are_refused(tmp_path):
    path, good = tmp_path / "x.pt", network()
    refused(saved(path, good, **{"out.2.weight": torch.ones(7, 32, 3, 3)}), "an upsampler")
    refused(saved(path, good, mystery=torch.ones(1)), "first difference: model.mystery", known())
    refused(saved(path, good, mystery=3), "mystery is no tensor", known())
    nan = torch.full((4,), torch.nan)
    refused(saved(path, good, **{"out.2.bias": nan}), "values that are not finite", known())
    wide = torch.empty(1).expand(2**20, 2, 3, 3)
    torch.save({**good.state_dict(), "input_blocks.0.0.weight": wide}, path)
    refused(path, "first difference: model.input_blocks.0.0.weight|several places", known())
    shared = torch.ones(2**20)
    torch.save({**good.state_dict(), **{f"x{i}": shared for i in range(9)}}, path)
    refused(path, "share their values", known())
    state = dict(good.state_dict())
    del state["input_blocks.1.0.in_layers.2.weight"]
    torch.save(state, path)
    refused(path, "is missing, or no layer", known())
    torch.save({"model": 3}, path)
    refused(path, "it holds: model")
    torch.save(good.state_dict(), path, _use_new_zipfile_serialization=False)
    refused(path, "no whole file of torch.save since 1.6")
