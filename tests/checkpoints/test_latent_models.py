"""Latent models of diffusers: pictures to latents and back, the cache, and an audit from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")

from checkpoints.diffusers_written import (  # noqa: E402
    autoencoder,
    dit,
    seeded,
    unet,
    written,
    written_latent,
)
from denoscope import Pictures, audit, describe_model, open_images  # noqa: E402
from denoscope.errors import InputError  # noqa: E402

# The library's own, about numpy's way with tensors.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def some():
    return open_images("digits", size=16).take(range(40))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "latents"


def opened(place, **settings):
    coder = autoencoder(**settings)
    return describe_model(written_latent(place, unet(), diffusers.DDPMScheduler(), coder)), coder


@pytest.mark.parametrize(
    ("settings", "there", "back"),
    [
        ({}, lambda z: z * 0.18215, lambda z: z / 0.18215),
        (
            {"scaling_factor": 1.3, "shift_factor": 0.2},
            lambda z: (z - 0.2) * 1.3,
            lambda z: z / 1.3 + 0.2,
        ),
        (
            {"scaling_factor": 0.5, "latents_mean": (0.1, -0.3), "latents_std": (0.7, 2.0)},
            lambda z: (z - col(0.1, -0.3)) * 0.5 / col(0.7, 2.0),
            lambda z: z * col(0.7, 2.0) / 0.5 + col(0.1, -0.3),
        ),
    ],
    ids=["scaled", "shifted", "by channel"],
)
def test_it_is_the_librarys_own_code_scaled_and_shifted(
    tmp_path, cache, some, settings, there, back
):
    model, coder = opened(tmp_path, **settings)
    assert model.denoiser.spec.shape == (2, 8, 8)
    assert model.pictures == (1, 16, 16)
    with torch.no_grad():
        expected = there(coder.encode(some.floats()).latent_dist.mode())
    latents = model.autoencoder.latents(some)
    torch.testing.assert_close(latents.floats(), expected, rtol=1e-5, atol=1e-5)
    z = torch.randn(5, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pictures = coder.decode(back(z)).sample
    torch.testing.assert_close(model.autoencoder.decode(z), pictures, rtol=1e-5, atol=1e-5)


def col(*values):
    return torch.tensor(values).reshape(-1, 1, 1)


def test_a_vqmodel_is_coded_before_it_rounds(tmp_path, cache, some):
    coder = seeded(
        diffusers.VQModel,
        in_channels=1,
        out_channels=1,
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=2,
        num_vq_embeddings=16,
    )
    model = describe_model(written_latent(tmp_path, unet(), diffusers.DDPMScheduler(), coder))
    with torch.no_grad():
        code = coder.encode(some.floats()).latents
        pictures = coder.decode(code).sample
    latents = model.autoencoder.latents(some).floats()
    torch.testing.assert_close(latents, code * 0.18215, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.autoencoder.decode(latents), pictures, rtol=1e-4, atol=1e-4)


def test_a_class_conditional_pipeline_with_a_vae_opens(tmp_path, cache, some):
    folder = tmp_path / "dit"
    diffusers.DiTPipeline(
        transformer=dit(), vae=autoencoder(), scheduler=diffusers.DDIMScheduler()
    ).save_pretrained(folder)
    model = describe_model(f"{folder}#class=3")
    assert model.condition == "class 3 of 5"
    assert model.family.endswith("of latents of an AutoencoderKL")
    assert model.autoencoder.latents(some).shape == model.denoiser.spec.shape


def test_latents_know_their_pictures(tmp_path, cache, some):
    model, _ = opened(tmp_path)
    few = some.take([7, 3, 5])
    train, held_out = model.autoencoder.latents(few).split(2, seed=0)
    for part in (train, held_out):
        for place in range(len(part)):
            own = part.encodes.ids[place]
            assert part.names(int(part.ids[place])) == some.names(int(own))
        expected = model.autoencoder.encode(part.encodes.floats())
        torch.testing.assert_close(part.floats(), expected, rtol=1e-5, atol=1e-5)


def test_a_second_time_nothing_is_encoded(tmp_path, cache, some, monkeypatch):
    model, _ = opened(tmp_path)
    counts = []
    first = model.autoencoder.latents(some, on_pictures=counts.append)
    assert sum(counts) == 40
    again = describe_model(model.where).autoencoder
    monkeypatch.setattr(again.network, "encode", None)
    second = again.latents(some)
    assert torch.equal(first.floats(), second.floats())
    assert first.fingerprint == second.fingerprint
    assert [path.suffix for path in cache.iterdir()] == [".npy"]
    kept = np.load(next(cache.iterdir()), mmap_mode="r")
    assert np.array_equal(kept, first.floats().numpy())


def test_other_pictures_and_other_weights_are_encoded_anew(tmp_path, cache, some):
    model, coder = opened(tmp_path)
    model.autoencoder.latents(some)
    model.autoencoder.latents(some.take(range(20)))
    assert len(list(cache.iterdir())) == 2
    with torch.no_grad():
        coder.encoder.conv_in.bias.add_(1)
    folder = written_latent(tmp_path / "other", unet(), diffusers.DDPMScheduler(), coder)
    describe_model(folder).autoencoder.latents(some)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "no header", "longer"])
def test_a_damaged_file_is_made_again(tmp_path, cache, some, damage):
    model, _ = opened(tmp_path)
    expected = model.autoencoder.latents(some).floats().clone()
    path = next(cache.iterdir())
    good = path.read_bytes()
    middle = len(good) // 2
    path.write_bytes(
        {
            "cut": good[:middle],
            "changed": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
            "empty": b"",
            "no header": bytes(100) + good[100:],
            "longer": good + b"x",
        }[damage]
    )
    counts = []
    assert torch.equal(
        model.autoencoder.latents(some, on_pictures=counts.append).floats(), expected
    )
    assert sum(counts) == 40
    assert path.read_bytes() == good


def test_killed_in_the_middle_it_leaves_no_half_file(tmp_path, cache):
    model, _ = opened(tmp_path)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    program = [sys.executable, str(TESTS / "checkpoints" / "killed_encoding.py"), model.where]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as running:
        assert running.stdout.readline() == b"encoding\n"
        running.kill()
    left = [path.name for path in cache.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".writing-")
    digits = open_images("digits", size=16)
    latents = model.autoencoder.latents(digits)
    assert len(latents) == len(digits)


def test_an_encoder_that_answers_nothing_finite_leaves_nothing(tmp_path, cache, some, monkeypatch):
    model, _ = opened(tmp_path)
    coder = model.autoencoder
    monkeypatch.setattr(coder, "encode", lambda x: torch.full((len(x), 2, 8, 8), torch.nan))
    with pytest.raises(InputError, match=r"finite values of .* are wanted"):
        coder.latents(some)
    assert not list(cache.iterdir())


def test_pictures_of_another_shape_and_latents_are_refused(tmp_path, cache, some):
    model, _ = opened(tmp_path)
    for given in (open_images("digits"), Pictures.from_latents(torch.zeros(3, 1, 16, 16))):
        with pytest.raises(InputError, match=r"give uint8 pictures of shape \(1, 16, 16\)"):
            model.autoencoder.latents(given)


def test_an_audit_is_of_latents_and_shows_pictures(tmp_path, cache, some):
    from denoscope.report import write_report

    model, _ = opened(tmp_path, scaling_factor=4.0)
    twice = Pictures.from_tensor(torch.cat([some.pixels, some.pixels[:3]]))
    train = model.autoencoder.latents(twice)
    held_out = model.autoencoder.latents(open_images("digits", size=16).take(range(50, 70)))
    found = audit(
        model.denoiser,
        train,
        held_out,
        pictures=8,
        samples=6,
        levels=torch.tensor([20.0, 2.0, 0.1]),
        autoencoder=model.autoencoder,
    )
    shown = found.tables.pictures
    assert shown["sample/network"].shape == (6, 1, 16, 16)
    assert shown["denoise/clean"].shape == (6, 1, 16, 16)
    assert shown["denoise/gaussian"].shape == (6, 3, 1, 16, 16)
    summary = found.tables.summary
    assert any("3 of the held-out" in w or "6 of 43" in w for w in summary.warnings)
    assert summary.provenance.latents == model.autoencoder.note
    assert summary.provenance.data.fingerprint == twice.fingerprint
    assert summary.provenance.data.shape == (2, 8, 8)
    folder = found.save(tmp_path / "audit")
    page = write_report(folder).read_text()
    assert "mode of the posterior of its AutoencoderKL, less 0, times 4" in page
    assert model.autoencoder.note.hash in page


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"scaling_factor": 0}, "has scaling_factor 0 and shift_factor None"),
        ({"scaling_factor": "1"}, "has scaling_factor 1"),
        ({"shift_factor": [1]}, "shift_factor"),
        ({"latents_mean": [0.0, 1.0]}, "give 2 numbers each"),
        ({"latents_mean": [0.0, 1.0], "latents_std": [1.0, 0.0]}, "positive deviations"),
        ({"latent_channels": 3}, "encodes to 3 channels and the network denoises 2"),
        ({"block_out_channels": "4"}, "give 1 to 9 widths"),
        ({"block_out_channels": [8] * 40}, "give 1 to 9 widths"),
        ({"out_channels": 3}, "an autoencoder answers what it takes"),
        ({"_class_name": "AutoencoderTiny"}, "known are AutoencoderKL, VQModel"),
        ({"_class_name": ["own", "Own"]}, "needs code that is not diffusers' own"),
        ({"block_out_channels": [2**30, 2**30]}, "AutoencoderKL"),
        ({"layers_per_block": 10**9}, "more than"),
    ],
    ids=str,
)
def test_what_is_no_autoencoder_is_refused_in_a_line(tmp_path, settings, line):
    folder = written_latent(tmp_path, unet(), diffusers.DDPMScheduler(), autoencoder())
    path = folder / "vqvae" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    with pytest.raises(InputError, match=line) as caught:
        describe_model(folder)
    assert "\n" not in str(caught.value)


def test_without_the_weights_of_its_autoencoder_it_does_not_open(tmp_path):
    folder = written_latent(tmp_path, unet(), diffusers.DDPMScheduler(), autoencoder())
    (folder / "vqvae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(InputError, match="vqvae holds no diffusion_pytorch_model"):
        describe_model(folder)


def test_a_model_of_pictures_has_none(tmp_path):
    model = describe_model(written(tmp_path, unet(), diffusers.DDPMScheduler()))
    assert model.autoencoder is None
    assert model.pictures == model.denoiser.spec.shape
