"""SD3 and Flux: against the library's own call, prompts through its own pipeline, its own trajectories."""

import json

import pytest
import torch

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from checkpoints.diffusers_written import written_flux, written_sd3  # noqa: E402
from conformance import check_conformance  # noqa: E402
from denoscope import describe_model, open_denoiser, open_images, trajectory  # noqa: E402
from denoscope.denoiser import as_sigma  # noqa: E402
from denoscope.errors import InputError  # noqa: E402
from denoscope.noise import noise  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
SHIFTED = {"shift": 3.0}
DYNAMIC = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "shift": 3.0}


@pytest.fixture(scope="module")
def sd3(tmp_path_factory):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTED)
    return written_sd3(tmp_path_factory.mktemp("models"), scheduler)


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**DYNAMIC)
    return written_flux(tmp_path_factory.mktemp("models"), scheduler)


def velocity_of_sd3(pipeline, prompt, x_t, time):
    """The pipeline's own call: time is 1000 t."""
    with torch.no_grad():
        states, _, pooled, _ = pipeline.encode_prompt(
            prompt, None, None, do_classifier_free_guidance=False
        )
        return pipeline.transformer(
            x_t,
            timestep=time.expand(len(x_t)),
            encoder_hidden_states=states.expand(len(x_t), -1, -1),
            pooled_projections=pooled.expand(len(x_t), -1),
        ).sample


def velocity_of_flux(pipeline, prompt, x_t, time, guidance=None):
    height, width = x_t.shape[-2:]
    with torch.no_grad():
        states, pooled, txt_ids = pipeline.encode_prompt(prompt, None)
        packed = pipeline._pack_latents(x_t, len(x_t), x_t.shape[1], height, width)
        answer = pipeline.transformer(
            packed,
            timestep=time.expand(len(x_t)) / 1000,
            guidance=None if guidance is None else torch.tensor([guidance]).expand(len(x_t)),
            encoder_hidden_states=states.expand(len(x_t), -1, -1),
            pooled_projections=pooled.expand(len(x_t), -1),
            img_ids=pipeline._prepare_latent_image_ids(
                1, height // 2, width // 2, "cpu", x_t.dtype
            ),
            txt_ids=txt_ids,
        ).sample
    factor = pipeline.vae_scale_factor
    return pipeline._unpack_latents(answer, height * factor, width * factor, factor)


def at(t):
    """(x, x_t, sigma) of the flow at t: x_t = (1 - t) x, sigma = t / (1 - t)."""
    x0 = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    sigma = t / (1 - t)
    x = x0 + sigma * noise(range(2), (4, 8, 8), seed=0, stream="test")
    return x, (1 - t) * x, as_sigma(sigma, x)


def assert_same(ours, theirs, tolerance=1e-5):
    scale = max(1.0, float(theirs.abs().max()))
    torch.testing.assert_close(ours.float(), theirs, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("prompt", ["", "a cat, a hat"])
@pytest.mark.parametrize("t", [0.02, 0.4, 0.93])
def test_sd3_is_the_librarys_own_call(sd3, prompt, t):
    folder, pipeline = sd3
    x, x_t, sigma = at(t)
    model = describe_model(f"{folder}#prompt={prompt}" if prompt else folder)
    velocity = velocity_of_sd3(pipeline, prompt, x_t, torch.tensor([1000 * t]))
    assert_same(model.denoiser(x, sigma), x_t - t * velocity)
    assert model.condition == (f"prompt {prompt!r}" if prompt else "the empty prompt")
    assert model.pictures == (1, 16, 16)
    assert model.denoiser.spec.shape == (4, 8, 8)


def test_guidance_of_sd3_is_classifier_free(sd3):
    folder, pipeline = sd3
    x, x_t, sigma = at(0.4)
    none, cat = (
        velocity_of_sd3(pipeline, words, x_t, torch.tensor([400.0])) for words in ("", "a cat")
    )
    assert not torch.allclose(none, cat)
    model = describe_model(f"{folder}#guidance=4.5,prompt=a cat")
    assert_same(model.denoiser(x, sigma), x_t - 0.4 * (none + 4.5 * (cat - none)))
    assert model.condition == "prompt 'a cat', guidance 4.5"


def test_sd3_without_its_third_encoder(tmp_path):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTED)
    folder, pipeline = written_sd3(tmp_path, scheduler, third=False)
    x, x_t, sigma = at(0.4)
    velocity = velocity_of_sd3(pipeline, "a cat", x_t, torch.tensor([400.0]))
    assert_same(open_denoiser(f"{folder}#prompt=a cat")(x, sigma), x_t - 0.4 * velocity)


@pytest.mark.parametrize(("words", "guidance"), [("", 1.0), ("guidance=3.5,", 3.5)])
@pytest.mark.parametrize("t", [0.02, 0.4, 0.93])
def test_flux_is_the_librarys_own_call(flux, words, guidance, t):
    folder, pipeline = flux
    x, x_t, sigma = at(t)
    model = describe_model(f"{folder}#{words}prompt=a cat")
    velocity = velocity_of_flux(pipeline, "a cat", x_t, torch.tensor([1000 * t]), guidance)
    assert_same(model.denoiser(x, sigma), x_t - t * velocity)
    assert model.condition == (
        f"prompt 'a cat', guidance {guidance:g} told to the network (distilled, not classifier-free)"
    )
    assert model.denoiser.spec.shape == (4, 8, 8)


def test_an_undistilled_flux_is_guided_from_outside(tmp_path):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**DYNAMIC)
    folder, pipeline = written_flux(tmp_path, scheduler, distilled=False)
    x, x_t, sigma = at(0.4)
    none, cat = (
        velocity_of_flux(pipeline, words, x_t, torch.tensor([400.0])) for words in ("", "a cat")
    )
    assert_same(open_denoiser(folder)(x, sigma), x_t - 0.4 * none)
    guided = open_denoiser(f"{folder}#guidance=2,prompt=a cat")
    assert_same(guided(x, sigma), x_t - 0.4 * (none + 2 * (cat - none)))


@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_flow_match_euler_is_our_euler(request, name):
    """Along the library's own sigmas, shifted as it shifts them at this resolution."""
    folder, pipeline = request.getfixturevalue(name)
    scheduler = pipeline.scheduler
    if name == "flux":
        mu = diffusers.pipelines.flux.pipeline_flux.calculate_shift(16)
        scheduler.set_timesteps(sigmas=torch.linspace(0.95, 0.1, 6).tolist(), mu=mu)
    else:
        scheduler.set_timesteps(sigmas=torch.linspace(0.95, 0.1, 6).tolist())
    sigmas = scheduler.sigmas[:-1].double()
    denoiser = open_denoiser(f"{folder}#prompt=a cat")
    eps = noise(range(2), (4, 8, 8), seed=3, stream="test")
    x_t = sigmas[0].float() * eps
    steps = trajectory(denoiser, eps, sigmas / (1 - sigmas))
    for step, time in zip(steps, scheduler.timesteps, strict=True):
        assert_same(step.x / (1 + step.sigma_used), x_t, 1e-4)
        if name == "sd3":
            velocity = velocity_of_sd3(pipeline, "a cat", x_t, time)
        else:
            velocity = velocity_of_flux(pipeline, "a cat", x_t, time, 1.0)
        x_t = scheduler.step(velocity, time, x_t).prev_sample
    assert_same(step.x0_hat, x_t, 1e-4)


@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_they_keep_the_contract(request, name, monkeypatch):
    """Their norms and rotations round to float32, which a difference quotient cannot stand."""
    from diffusers.models.normalization import RMSNorm

    folder, _ = request.getfixturevalue(name)
    monkeypatch.setattr(torch.Tensor, "float", lambda x: x)
    monkeypatch.setattr(
        RMSNorm,
        "forward",
        lambda norm, x: x * (x.square().mean(-1, keepdim=True) + norm.eps).rsqrt() * norm.weight,
    )
    double = open_denoiser(folder)
    double.model.double()
    check_conformance(open_denoiser(folder), double, tolerance=1e-3)


def test_opening_draws_no_bars(sd3, capfd):
    open_denoiser(sd3[0])
    assert capfd.readouterr() == ("", "")


def test_latents_are_shifted_and_scaled(sd3, tmp_path, monkeypatch):
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path))
    folder, pipeline = sd3
    some = open_images("digits", size=16).take(range(10))
    with torch.no_grad():
        code = pipeline.vae.encode(some.floats()).latent_dist.mode()
    latents = describe_model(folder).autoencoder.latents(some)
    assert_same(latents.floats(), (code - 0.06) * 1.5)


@pytest.mark.parametrize(
    ("name", "place", "settings", "line"),
    [
        ("sd3", "transformer", {"pos_embed_max_size": 3}, "places for fewer patches"),
        ("sd3", "transformer", {"sample_size": 7}, "patches of 2: give a multiple"),
        ("sd3", "transformer", {"joint_attention_dim": "wide"}, "joint_attention_dim wide"),
        ("sd3", "transformer", {"joint_attention_dim": 16}, "of different models"),
        ("sd3", "transformer", {"pooled_projection_dim": 16}, "pooled_projection_dim"),
        ("sd3", "transformer", {"out_channels": 8}, "takes 4 channels and answers 8"),
        ("sd3", "text_encoder_3", {"num_layers": 10**9}, "do not read a prompt"),
        ("sd3", "text_encoder_2", {"architectures": ["Own"]}, "known is CLIPTextModelWithProj"),
        ("flux", "transformer", {"in_channels": 18}, "Flux has a multiple of 4"),
        ("flux", "transformer", {"patch_size": 2}, "Flux has a multiple of 4"),
        ("flux", "vae", {"sample_size": 6}, "an even side"),
        ("flux", "vae", {"sample_size": "large"}, "sample_size None"),
        ("flux", "transformer", {"in_channels": 96}, "an autoencoder|answers|different models"),
        ("flux", "transformer", {"num_layers": 10**9}, "more than"),
        ("flux", "text_encoder_2", {"d_model": 2**30}, "do not read a prompt"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_line(request, tmp_path, name, place, settings, line):
    import shutil

    folder = shutil.copytree(request.getfixturevalue(name)[0], tmp_path / name)
    path = folder / place / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    with pytest.raises(InputError, match=line) as caught:
        open_denoiser(folder)
    assert "\n" not in str(caught.value)
