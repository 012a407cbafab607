"""Models of diffusers given a class, none, and guidance, against the library's own call with a class."""

import pytest
import torch

diffusers = pytest.importorskip("diffusers")

from checkpoints.diffusers_written import dit, unet, written, written_bare  # noqa: E402
from conformance import check_conformance  # noqa: E402
from denoscope import describe_model, open_denoiser  # noqa: E402
from denoscope.errors import InputError  # noqa: E402


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    scheduler = diffusers.DDIMScheduler(clip_sample=False)
    place = tmp_path_factory.mktemp("models")
    return {
        "dit": (written_bare(place, dit(), scheduler), dit()),
        "unet": (written(place, unet(num_class_embeds=5), scheduler), unet(num_class_embeds=5)),
    }


def expected_of(network, label):
    """D at time 400 of the linear schedule, and where it is asked."""
    scheduler = diffusers.DDIMScheduler(clip_sample=False)
    scheduler.set_timesteps(1000)
    abar = scheduler.alphas_cumprod[400].double()
    x = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    time, labels = torch.full((2,), 400), torch.full((2,), label)
    x_t = abar.sqrt().float() * x
    with torch.no_grad():
        answer = network(x_t, time, class_labels=labels).sample[:, :2]
    x0 = scheduler.step(answer, 400, x_t, eta=0.0).pred_original_sample
    return x, ((1 - abar) / abar).sqrt().reshape(1), x0


@pytest.mark.parametrize("name", ["dit", "unet"])
def test_a_class(folders, name):
    folder, network = folders[name]
    x, sigma, expected = expected_of(network, 3)
    model = describe_model(f"{folder}#class=3")
    torch.testing.assert_close(model.denoiser(x, sigma), expected, rtol=1e-5, atol=1e-5)
    assert model.condition == "class 3 of 5"


def test_none_and_guidance(folders):
    folder, network = folders["dit"]
    (x, sigma, none), (_, _, three) = (expected_of(network, label) for label in (5, 3))
    model = describe_model(folder)
    torch.testing.assert_close(model.denoiser(x, sigma), none, rtol=1e-5, atol=1e-5)
    assert model.condition == "none of its 5 classes"
    model = describe_model(f"{folder}#guidance=4,class=3")
    guided = none + 4 * (three - none)
    torch.testing.assert_close(model.denoiser(x, sigma), guided, rtol=1e-5, atol=1e-5)
    assert model.condition == "class 3 of 5, guidance 4"
    assert not torch.allclose(three, none)
    double = describe_model(f"{folder}#guidance=4,class=3").denoiser
    for one in (double.conditional, double.unconditional):
        one.model.double()
    check_conformance(model.denoiser.to("cpu"), double, tolerance=1e-2)


@pytest.mark.parametrize(
    ("name", "words", "line"),
    [
        ("dit", "#class=5", "has no class 5: give .*#class=0 to .*#class=4"),
        ("dit", "#prompt=a cat", "takes no prompt"),
        ("unet", "", "knows no picture without: give one, .*#class=0 to .*#class=4"),
        ("unet", "#class=1,guidance=3", "guidance is between a class and none"),
    ],
)
def test_what_it_cannot_be_told(folders, name, words, line):
    with pytest.raises(InputError, match=line):
        open_denoiser(f"{folders[name][0]}{words}")
