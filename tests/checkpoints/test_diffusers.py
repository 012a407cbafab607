"""Folders of diffusers open as what the library itself predicts, level by level and along trajectories."""

import json
import shutil

import pytest
import torch

diffusers = pytest.importorskip("diffusers")

from checkpoints.diffusers_written import unet, written  # noqa: E402
from conformance import check_conformance  # noqa: E402
from denoscope import describe_model, open_denoiser, trajectory  # noqa: E402
from denoscope.denoiser import as_sigma  # noqa: E402
from denoscope.errors import InputError  # noqa: E402
from denoscope.noise import noise  # noqa: E402

# The library's own, about numpy's way with tensors.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
TIMES = (0, 7, 400, 998)
BETAS = (
    {"beta_schedule": "linear"},
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"beta_schedule": "linear", "rescale_betas_zero_snr": True},
    {"trained_betas": [0.001, 0.01, 0.1, 0.3], "num_train_timesteps": 4},
)
KINDS = ("epsilon", "v_prediction", "sample")
TABLES = (
    *("DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler"),
    *("EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler"),
    *("KDPM2DiscreteScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"),
    *("DPMSolverSinglestepScheduler", "DEISMultistepScheduler"),
)


def noisy(level: float) -> torch.Tensor:
    """x = x0 + level eps, (3, 2, 8, 8), with x0 uniform in [-1, 1]."""
    x0 = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return x0 + level * noise(range(3), (2, 8, 8), seed=0, stream="test")


def assert_same(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    """Within the tolerance of the values' size, and absolutely where they are small."""
    scale = max(1.0, float(theirs.abs().max()))
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("betas", BETAS, ids=str)
def test_a_prediction_is_the_original_sample_of_ddim(tmp_path, kind, betas):
    scheduler = diffusers.DDIMScheduler(prediction_type=kind, clip_sample=False, **betas)
    network = unet()
    denoiser = open_denoiser(written(tmp_path, network, scheduler))
    steps = scheduler.config.num_train_timesteps
    scheduler.set_timesteps(steps)
    for time in (t for t in TIMES if t < steps):
        abar = scheduler.alphas_cumprod[time].double()
        level = ((1 - abar) / abar).sqrt()
        x = noisy(float(level))
        x_t = abar.sqrt().float() * x
        with torch.no_grad():
            answer = network(x_t, time).sample
        theirs = scheduler.step(answer, time, x_t, eta=0.0).pred_original_sample
        assert_same(denoiser(x, as_sigma(level, x)), theirs)


@pytest.mark.parametrize("name", TABLES)
def test_every_scheduler_of_a_table_gives_its_own_levels(tmp_path, name):
    scheduler = getattr(diffusers, name)(beta_start=0.0003, beta_end=0.015)
    model = describe_model(written(tmp_path, unet(), scheduler))
    abar = scheduler.alphas_cumprod.double()
    assert torch.equal(model.denoiser.spec.levels.flip(0), (1 - abar).sqrt() / abar.sqrt())
    assert model.family == "diffusers UNet2DModel, epsilon, linear schedule of 1000"


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler"])
def test_pure_noise_is_left_out_and_said_so(tmp_path, name):
    scheduler = getattr(diffusers, name)(
        rescale_betas_zero_snr=True, prediction_type="v_prediction"
    )
    model = describe_model(written(tmp_path, unet(), scheduler))
    assert len(model.denoiser.spec.levels) == 999
    assert "left out: time 999" in model.denoiser.schedule.note()
    assert "zero terminal SNR" in model.family


@pytest.mark.parametrize("kind", KINDS)
def test_ddim_of_eta_0_is_our_euler(tmp_path, kind):
    scheduler = diffusers.DDIMScheduler(prediction_type=kind, clip_sample=False)
    network = unet()
    denoiser = open_denoiser(written(tmp_path, network, scheduler))
    scheduler.set_timesteps(10)
    abar = scheduler.alphas_cumprod[scheduler.timesteps].double()
    eps = noise(range(2), (2, 8, 8), seed=3, stream="test")
    x_t = (1 - abar[0]).sqrt().float() * eps
    for step, time in zip(
        trajectory(denoiser, eps, ((1 - abar) / abar).sqrt()), scheduler.timesteps, strict=True
    ):
        assert_same(step.x * scheduler.alphas_cumprod[time].sqrt(), x_t, 1e-4)
        with torch.no_grad():
            answer = network(x_t, time).sample
        x_t = scheduler.step(answer, time, x_t, eta=0.0).prev_sample
    assert_same(step.x0_hat, x_t, 1e-4)


@pytest.mark.parametrize(
    ("scheduler", "start"),
    [
        *(
            (diffusers.EulerDiscreteScheduler(prediction_type=kind, timestep_spacing="leading"), 1)
            for kind in ("epsilon", "v_prediction")
        ),
        (
            diffusers.EulerDiscreteScheduler(
                prediction_type="v_prediction",
                timestep_type="continuous",
                use_karras_sigmas=True,
                sigma_min=0.002,
                sigma_max=70.0,
            ),
            1,
        ),
        (diffusers.EDMEulerScheduler(), 1),
        (diffusers.EDMEulerScheduler(sigma_data=1.0, prediction_type="v_prediction"), 1),
        (diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_euler_is_our_euler(tmp_path, scheduler, start):
    network = unet()
    denoiser = open_denoiser(written(tmp_path, network, scheduler))
    flow = "Flow" in type(scheduler).__name__
    if flow:
        scheduler.set_timesteps(sigmas=torch.linspace(0.98, 0.05, 8).tolist())
    else:
        scheduler.set_timesteps(8)
    sigmas = scheduler.sigmas[:-1].double()
    levels = sigmas / (1 - sigmas) if flow else sigmas
    eps = noise(range(2), (2, 8, 8), seed=3, stream="test")
    x_t = sigmas[0].float() * eps
    for step, time in zip(trajectory(denoiser, eps, levels), scheduler.timesteps, strict=True):
        alpha = 1 / (1 + step.sigma_used) if flow else 1.0
        assert_same(step.x * alpha, x_t, 1e-4)
        shown = x_t if flow else scheduler.scale_model_input(x_t, time)
        with torch.no_grad():
            answer = network(shown, time).sample
        taken = scheduler.step(answer, time, x_t)
        if not flow:
            assert_same(step.x0_hat, taken.pred_original_sample)
        x_t = taken.prev_sample
    assert_same(step.x0_hat, x_t, 1e-4)


def test_a_variance_exploding_score_is_tweedies(tmp_path):
    scheduler = diffusers.ScoreSdeVeScheduler(sigma_min=0.01, sigma_max=50.0)
    network = unet(time_embedding_type="fourier")
    folder = written(tmp_path, network, scheduler)
    denoiser = open_denoiser(folder)
    assert denoiser.spec.sigma_max == 100.0  # twice theirs: their pictures are in [0, 1]
    x = noisy(3.0)
    y = (x + 1) / 2
    with torch.no_grad():
        score = network(y, torch.full((3,), 1.5)).sample
    assert_same(denoiser(x, as_sigma(3.0, x)), (y + 1.5**2 * score) * 2 - 1)


def test_a_variance_beside_the_prediction_is_left_away(tmp_path):
    scheduler = diffusers.DDPMScheduler(variance_type="learned_range", clip_sample=False)
    network = unet(out_channels=4)
    denoiser = open_denoiser(written(tmp_path, network, scheduler))
    abar = scheduler.alphas_cumprod[400]
    level = ((1 - abar.double()) / abar).sqrt()
    x = noisy(float(level))
    with torch.no_grad():
        answer = network(abar.sqrt() * x, 400).sample[:, :2]
    theirs = (abar.sqrt() * x - (1 - abar).sqrt() * answer) / abar.sqrt()
    assert_same(denoiser(x, as_sigma(level, x)), theirs)


@pytest.mark.parametrize(
    "scheduler",
    [
        diffusers.DDPMScheduler(),
        diffusers.EDMEulerScheduler(),
        diffusers.FlowMatchEulerDiscreteScheduler(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_keeps_the_contract(tmp_path, scheduler):
    folder = written(tmp_path, unet(), scheduler)
    double = open_denoiser(folder)
    double.model.double()
    check_conformance(open_denoiser(folder), double, tolerance=1e-3)


def test_a_bare_model_takes_the_scheduler_beside_it(tmp_path):
    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    x = noisy(1.0)
    whole, bare = open_denoiser(folder), open_denoiser(folder / "unet")
    sigma = as_sigma(whole.spec.levels[500], x)
    assert torch.equal(whole(x, sigma), bare(x, sigma))
    (folder / "scheduler").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no scheduler, which says how it was trained: put"):
        open_denoiser(folder / "unet")


def test_parts_at_the_root_and_names_of_old_open(tmp_path):
    """As the first files of diffusers were: no folders, and attention's parts under former names."""
    from safetensors.torch import load_file, save_file

    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    expected = open_denoiser(folder)
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    former = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for now, then in former.items():
        weights = {name.replace(f".{now}.", f".{then}."): v for name, v in weights.items()}
    assert any(".query." in name for name in weights)
    save_file(weights, folder / "diffusion_pytorch_model.safetensors")
    shutil.move(folder / "unet" / "config.json", folder)
    shutil.move(folder / "scheduler" / "scheduler_config.json", folder)
    shutil.rmtree(folder / "unet")
    shutil.rmtree(folder / "scheduler")
    x = noisy(1.0)
    sigma = as_sigma(expected.spec.levels[500], x)
    assert torch.equal(open_denoiser(folder)(x, sigma), expected(x, sigma))


def test_shards_and_variants_open(tmp_path):
    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    expected = open_denoiser(folder)
    x = noisy(1.0)
    sigma = as_sigma(expected.spec.levels[500], x)
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole.unlink()
    unet().save_pretrained(folder / "unet", max_shard_size="50KB")
    assert not whole.exists()
    assert torch.equal(open_denoiser(folder)(x, sigma), expected(x, sigma))
    for path in (folder / "unet").glob("diffusion*"):
        path.unlink()
    unet().half().save_pretrained(folder / "unet", variant="fp16")
    half = open_denoiser(folder)
    assert next(half.model.parameters()).dtype == torch.float32
    torch.testing.assert_close(half(x, sigma), expected(x, sigma), rtol=0, atol=0.05)


def test_opening_draws_nothing_and_hashes_what_was_read(tmp_path):
    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    before = torch.get_rng_state()
    first = describe_model(folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.parameters == sum(p.numel() for p in unet().parameters())
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "beta_end": 0.03}))
    assert describe_model(folder).content_hash != first.content_hash


@pytest.mark.parametrize(
    ("scheduler", "network", "line"),
    [
        (
            diffusers.CMStochasticIterativeScheduler(),
            {},
            "names the scheduler CMStochasticIterativeScheduler: known are DDPMScheduler",
        ),
        (diffusers.DDPMScheduler(), {"in_channels": 5}, "takes 5 channels and answers 2"),
        (diffusers.DDPMScheduler(), {"sample_size": None}, "sample_size None: write the channels"),
    ],
    ids=["scheduler", "channels", "size"],
)
def test_what_is_no_denoiser_is_refused_in_a_line(tmp_path, scheduler, network, line):
    with pytest.raises(InputError, match=line):
        open_denoiser(written(tmp_path, unet(**network), scheduler))


def test_pickles_alone_are_refused_with_the_way_out(tmp_path):
    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(unet().state_dict(), folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(
        InputError, match=r"pickle alone .* save_pretrained, which writes safetensors"
    ):
        open_denoiser(folder)


def test_without_the_library_it_says_how_to_install_it(tmp_path, monkeypatch):
    import sys

    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match=r"pip install 'denoscope\[diffusers\]'"):
        open_denoiser(folder)


def test_info_tells_what_it_is(tmp_path):
    from denoscope.cli.descriptions import describe_place, is_model

    scheduler = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    folder = str(written(tmp_path, unet(num_class_embeds=5), scheduler))
    assert is_model(folder)
    assert is_model(f"{folder}#class=3")
    found = describe_place(f"{folder}#class=3", None, None)
    assert found["family"] == (
        "diffusers UNet2DModel, v_prediction, linear schedule of 1000 with zero terminal SNR"
    )
    assert found["parametrisation"] == "velocity, of pictures over [-1, 1]"
    assert "left out: time 999" in found["schedule"]
    assert found["condition"] == "class 3 of 5"
