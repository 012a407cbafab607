"""Prompts and guidance of a UNet2DConditionModel, against the library's own call."""

import json

import pytest
import torch

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from checkpoints.diffusers_written import written_painter  # noqa: E402
from conformance import check_conformance  # noqa: E402
from denoscope import describe_model, open_denoiser  # noqa: E402
from denoscope.errors import InputError  # noqa: E402

SCHEDULER = diffusers.DDIMScheduler(clip_sample=False, prediction_type="v_prediction")


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    return written_painter(tmp_path_factory.mktemp("models"), SCHEDULER)


def expected_of(painter, prompt, **told):
    """(x, sigma, D) at time 400."""
    _, network, encoder, tokenizer = painter
    scheduler = diffusers.DDIMScheduler(clip_sample=False, prediction_type="v_prediction")
    scheduler.set_timesteps(1000)
    abar = scheduler.alphas_cumprod[400].double()
    x = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    x_t = abar.sqrt().float() * x
    words = tokenizer(
        [prompt] * 2, padding="max_length", max_length=9, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        states = encoder(words.input_ids).last_hidden_state
        answer = network(x_t, 400, encoder_hidden_states=states, **told).sample
    x0 = scheduler.step(answer, 400, x_t, eta=0.0).pred_original_sample
    return x, ((1 - abar) / abar).sqrt().reshape(1), x0


def test_a_prompt_none_and_guidance(painter):
    unet = painter[0] / "unet"
    (x, sigma, cat), (_, _, none) = (expected_of(painter, words) for words in ("a cat, a", ""))
    assert not torch.allclose(cat, none)
    model = describe_model(f"{unet}#prompt=a cat, a")
    torch.testing.assert_close(model.denoiser(x, sigma), cat, rtol=1e-5, atol=1e-5)
    assert model.condition == "prompt 'a cat, a'"
    model = describe_model(unet)
    torch.testing.assert_close(model.denoiser(x, sigma), none, rtol=1e-5, atol=1e-5)
    assert model.condition == "the empty prompt"
    model = describe_model(f"{unet}#guidance=7.5,prompt=a cat, a")
    guided = none + 7.5 * (cat - none)
    torch.testing.assert_close(model.denoiser(x, sigma), guided, rtol=1e-5, atol=1e-5)
    assert model.condition == "prompt 'a cat, a', guidance 7.5"


def test_a_prompts_own_embedding_is_added(tmp_path):
    """addition_embed_type "text" is of the states that the network is told anyway."""
    added = written_painter(
        tmp_path, SCHEDULER, addition_embed_type="text", addition_embed_type_num_heads=4
    )
    x, sigma, cat = expected_of(added, "a cat")
    ours = open_denoiser(f"{added[0] / 'unet'}#prompt=a cat")(x, sigma)
    torch.testing.assert_close(ours, cat, rtol=1e-5, atol=1e-5)


def test_a_class_beside_the_prompt(tmp_path):
    classed = written_painter(tmp_path, SCHEDULER, num_class_embeds=5)
    unet, labels = classed[0] / "unet", torch.tensor([3, 3])
    (x, sigma, cat), (_, _, none) = (
        expected_of(classed, words, class_labels=labels) for words in ("a cat", "")
    )
    other = expected_of(classed, "a cat", class_labels=labels - 1)[2]
    assert not torch.allclose(cat, none)
    assert not torch.allclose(cat, other)
    model = describe_model(f"{unet}#class=3,prompt=a cat")
    torch.testing.assert_close(model.denoiser(x, sigma), cat, rtol=1e-5, atol=1e-5)
    assert model.condition == "prompt 'a cat', class 3 of 5"
    model = describe_model(f"{unet}#class=3")
    torch.testing.assert_close(model.denoiser(x, sigma), none, rtol=1e-5, atol=1e-5)
    assert model.condition == "the empty prompt, class 3 of 5"
    model = describe_model(f"{unet}#class=3,guidance=4,prompt=a cat")
    guided = none + 4 * (cat - none)
    torch.testing.assert_close(model.denoiser(x, sigma), guided, rtol=1e-5, atol=1e-5)
    for words, line in (
        ("", "a class of 5 beside its prompt"),
        ("#prompt=a cat", "a class of 5 beside its prompt"),
        ("#class=3,guidance=4", "guided from no prompt to one"),
        ("#class=5", "has no class 5: give .*#class=0 to .*#class=4"),
    ):
        with pytest.raises(InputError, match=line):
            open_denoiser(f"{unet}{words}")


def test_it_keeps_the_contract(painter):
    double = open_denoiser(painter[0] / "unet")
    double.model.double()
    check_conformance(open_denoiser(painter[0] / "unet"), double, tolerance=1e-2)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"hidden_size": 2**30, "intermediate_size": 2**30}, "do not read a prompt"),
        ({"num_hidden_layers": 10**9}, "do not read a prompt .*more than"),
        (
            {"architectures": ["Own"], "auto_map": {"AutoModel": "own.Own"}},
            "known is CLIPTextModel",
        ),
    ],
    ids=["width", "layers", "code"],
)
def test_hostile_encoders_end_in_a_line(painter, tmp_path, settings, line):
    import shutil

    folder = shutil.copytree(painter[0], tmp_path / "painter")
    path = folder / "text_encoder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    with pytest.raises(InputError, match=line) as caught:
        open_denoiser(folder / "unet")
    assert "\n" not in str(caught.value)


def test_a_class_or_a_missing_encoder_is_told(painter, tmp_path):
    import shutil

    with pytest.raises(InputError, match="takes a prompt and no class"):
        open_denoiser(f"{painter[0] / 'unet'}#class=1")
    folder = shutil.copytree(painter[0], tmp_path / "painter")
    shutil.rmtree(folder / "text_encoder")
    with pytest.raises(InputError, match="has no text_encoder, which its network's prompts"):
        open_denoiser(folder / "unet")
