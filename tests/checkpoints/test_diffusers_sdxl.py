"""SDXL: against the library's own call, told by its own pipeline, and a whole run of that pipeline."""

import json
import shutil

import pytest
import torch

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from checkpoints.diffusers_written import written_sdxl  # noqa: E402
from conformance import check_conformance  # noqa: E402
from denoscope import describe_model, open_denoiser, open_images, trajectory  # noqa: E402
from denoscope.denoiser import as_sigma  # noqa: E402
from denoscope.errors import InputError  # noqa: E402
from denoscope.noise import noise  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
TOLD = ", told 16 x 16 pixels uncropped"


def scheduler():
    """As SDXL's."""
    return diffusers.EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        steps_offset=1,
        timestep_spacing="leading",
    )


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return written_sdxl(tmp_path_factory.mktemp("models"), scheduler())


def expected_of(pipeline, prompt, time, pixels=(16, 16)):
    """(x, sigma, D) at an index, as the pipeline tells its network; prompt None is what it is guided from."""
    abar = pipeline.scheduler.alphas_cumprod[time].double()
    level = ((1 - abar) / abar).sqrt()
    shape = (2, pixels[0] // 2, pixels[1] // 2)
    x0 = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    x = x0 + level.float() * noise(range(3), shape, seed=0, stream="test")
    with torch.no_grad():
        given, none, whole, whole_none = pipeline.encode_prompt(
            "a cat" if prompt is None else prompt
        )
        states, pooled = (none, whole_none) if prompt is None else (given, whole)
        ids = pipeline._get_add_time_ids(pixels, (0, 0), pixels, states.dtype, 10)
        answer = pipeline.unet(
            abar.sqrt().float() * x,
            time,
            encoder_hidden_states=states.expand(3, -1, -1),
            added_cond_kwargs={"text_embeds": pooled.expand(3, -1), "time_ids": ids.expand(3, -1)},
        ).sample
    return x, as_sigma(level, x), x - level.float() * answer


def assert_same(ours, theirs, tolerance=1e-5):
    scale = max(1.0, float(theirs.abs().max()))
    torch.testing.assert_close(ours.float(), theirs, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("place", [".", "unet"])
@pytest.mark.parametrize("time", [0, 400, 998])
@pytest.mark.parametrize(
    ("words", "prompt", "condition"),
    [
        ("", None, "no prompt (zeros)"),
        ("#prompt=", "", "the empty prompt"),
        ("#prompt=a cat, a hat", "a cat, a hat", "prompt 'a cat, a hat'"),
    ],
)
def test_it_is_the_librarys_own_call(sdxl, place, words, prompt, condition, time):
    folder, pipeline = sdxl
    x, sigma, theirs = expected_of(pipeline, prompt, time)
    model = describe_model(f"{folder / place}{words}")
    assert_same(model.denoiser(x, sigma), theirs)
    assert model.condition == condition + TOLD


def test_all_that_it_is_told_tells(sdxl):
    """The three are different, and a picture of another size too: nothing above passes by chance."""
    _, pipeline = sdxl
    given = [expected_of(pipeline, prompt, 400)[2] for prompt in (None, "", "a cat, a hat")]
    ids = pipeline._get_add_time_ids
    pipeline._get_add_time_ids = lambda *told: ids((8, 8), (0, 0), (8, 8), *told[3:])
    try:
        given.append(expected_of(pipeline, "a cat, a hat", 400)[2])
    finally:
        pipeline._get_add_time_ids = ids
    for place, one in enumerate(given):
        assert all(float((one - other).abs().max()) > 1e-3 for other in given[:place])


def test_where_zeros_are_not_forced_none_is_the_empty_prompt(tmp_path):
    folder, pipeline = written_sdxl(tmp_path, scheduler(), zeros=False)
    x, sigma, theirs = expected_of(pipeline, None, 400)
    assert_same(expected_of(pipeline, "", 400)[2], theirs)
    for place in (folder, folder / "unet"):
        model = describe_model(place)
        assert_same(model.denoiser(x, sigma), theirs)
        assert model.condition == "the empty prompt" + TOLD


def test_height_comes_before_width(tmp_path):
    folder, pipeline = written_sdxl(tmp_path, scheduler(), sample_size=(8, 4))
    x, sigma, theirs = expected_of(pipeline, "a cat", 400, (16, 8))
    model = describe_model(f"{folder}#prompt=a cat")
    assert_same(model.denoiser(x, sigma), theirs)
    assert model.condition == "prompt 'a cat', told 16 x 8 pixels uncropped"


@pytest.mark.parametrize("zeros", [True, False])
def test_guidance_is_from_none(tmp_path, zeros):
    folder, pipeline = written_sdxl(tmp_path, scheduler(), zeros)
    (x, sigma, none), (_, _, cat) = (expected_of(pipeline, one, 400) for one in (None, "a cat"))
    model = describe_model(f"{folder}#guidance=5,prompt=a cat")
    assert_same(model.denoiser(x, sigma), none + 5 * (cat - none))
    assert model.condition == f"prompt 'a cat'{TOLD}, guidance 5"


def test_a_run_of_the_pipeline_is_our_euler(sdxl):
    """Its own call from noise to pictures, guided: latents step by step, and the pictures at the end."""
    folder, pipeline = sdxl
    euler = scheduler()
    euler.set_timesteps(6)
    sigmas = euler.sigmas[:-1].double()
    eps = noise(range(2), (2, 8, 8), seed=3, stream="test")
    theirs = []

    def kept(pipeline, number, time, told):
        theirs.append(told["latents"])
        return told

    pictures = pipeline(
        "a cat",
        height=16,
        width=16,
        num_inference_steps=6,
        guidance_scale=5.0,
        num_images_per_prompt=2,
        latents=sigmas[0].float() * eps / euler.init_noise_sigma,
        callback_on_step_end=kept,
        output_type="pt",
    ).images
    model = describe_model(f"{folder}#guidance=5,prompt=a cat")
    steps = list(trajectory(model.denoiser, eps, sigmas))
    assert len(steps) == len(theirs) == 6
    for step, expected in zip(steps[1:], theirs[:-1], strict=True):
        assert_same(step.x, expected, 1e-4)
    assert_same(steps[-1].x0_hat, theirs[-1], 1e-4)
    ours = model.autoencoder.decode(steps[-1].x0_hat.float())
    assert_same((ours / 2 + 0.5).clamp(0, 1), pictures, 1e-4)


def test_latents_go_through_its_autoencoder(sdxl, tmp_path, monkeypatch):
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path))
    folder, pipeline = sdxl
    some = open_images("digits", size=16).take(range(10))
    with torch.no_grad():
        code = pipeline.vae.encode(some.floats()).latent_dist.mode()
    model = describe_model(folder)
    assert model.pictures == (1, 16, 16)
    assert_same(model.autoencoder.latents(some).floats(), code * 0.13)


def test_it_keeps_the_contract(sdxl):
    double = open_denoiser(f"{sdxl[0]}#prompt=a cat")
    double.model.double()
    check_conformance(open_denoiser(f"{sdxl[0]}#prompt=a cat"), double, tolerance=1e-2)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("text_encoder", "has no text_encoder, which"),
        ("text_encoder_2", "has no text_encoder_2, which its network's prompts go through"),
        ("tokenizer_2", "has no tokenizer_2, which"),
    ],
)
def test_a_missing_encoder_is_one_line(sdxl, tmp_path, place, line):
    folder = shutil.copytree(sdxl[0], tmp_path / "sdxl")
    shutil.rmtree(folder / place)
    with pytest.raises(InputError, match=line) as caught:
        open_denoiser(folder)
    assert "\n" not in str(caught.value)


UNET = "unet/config.json"


@pytest.mark.parametrize(
    ("file", "settings", "line"),
    [
        (UNET, {"addition_embed_type": "text_image"}, r"\(addition_embed_type text_image\)"),
        (UNET, {"addition_embed_type": ["text"]}, r"\(addition_embed_type "),
        (UNET, {"class_embed_type": "timestep"}, r"\(class_embed_type timestep\)"),
        (UNET, {"encoder_hid_dim": 9}, r"\(encoder_hid_dim 9\)"),
        (UNET, {"projection_class_embeddings_input_dim": 30}, "_input_dim 30, .*something else"),
        (UNET, {"addition_time_embed_dim": 10**9}, "addition_time_embed_dim 1000000000: it"),
        (UNET, {"addition_time_embed_dim": None}, "addition_time_embed_dim None: it"),
        (UNET, {"cross_attention_dim": 12}, "of width 12 .*give 28"),
        (UNET, {"cross_attention_dim": [28, 12]}, "of different models"),
        ("vae/config.json", {"block_out_channels": "many"}, "block_out_channels many: give 1 to 9"),
        ("model_index.json", {"force_zeros_for_empty_prompt": "no"}, "give true or false"),
        ("text_encoder/config.json", {"num_hidden_layers": 0}, "has no layers"),
        ("tokenizer_2/tokenizer_config.json", {"model_max_length": 7}, "take 9 and 7 tokens"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_line(sdxl, tmp_path, file, settings, line):
    folder = shutil.copytree(sdxl[0], tmp_path / "sdxl")
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    with pytest.raises(InputError, match=line) as caught:
        open_denoiser(folder)
    assert "\n" not in str(caught.value)


def test_another_index_or_autoencoder_is_another_model(sdxl, tmp_path):
    """The network's folder alone follows both, so its hash does."""
    folder = shutil.copytree(sdxl[0], tmp_path / "sdxl")
    hashes = {describe_model(folder / "unet").content_hash}
    for file, settings in (
        ("model_index.json", {"force_zeros_for_empty_prompt": False}),
        ("vae/config.json", {"block_out_channels": [4, 8, 8]}),
    ):
        path = folder / file
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
        hashes.add(describe_model(folder / "unet").content_hash)
    assert len(hashes) == 3
    shutil.rmtree(folder / "vae")
    assert describe_model(folder / "unet").condition.endswith("told 64 x 64 pixels uncropped")
