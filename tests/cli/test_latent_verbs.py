"""The verbs on a latent model of diffusers: each takes pictures, encodes them, and shows pictures."""

import json

import numpy as np
import pytest

diffusers = pytest.importorskip("diffusers")

from checkpoints.diffusers_written import autoencoder, unet, written_latent  # noqa: E402


@pytest.fixture
def latent(place, monkeypatch):
    monkeypatch.setenv("DENOSCOPE_CACHE", str(place / "cache"))
    coder = autoencoder(scaling_factor=2.0)
    return written_latent(place, unet(), diffusers.DDPMScheduler(), coder).name


def encoded(place):
    return list((place / "cache" / "latents").glob("*.npy"))


def test_audit_compare_and_report(place, say, latent):
    words = f"audit {latent} --data digits --size 16 --split 64 --pictures 6 --samples 4 --levels 3"
    said = say(f"{words} --out audited --json")
    assert said.code == 0, said.err
    told = json.loads(said.out)["provenance"]
    assert told["latents"]["autoencoder"] == "AutoencoderKL"
    assert told["latents"]["pictures"] == [1, 16, 16]
    assert told["data"]["shape"] == [2, 8, 8]
    assert "denoises latents: mode of the posterior of its AutoencoderKL" in said.err
    assert len(encoded(place)) == 1
    with np.load(place / "audited" / "pictures.npz") as kept:
        assert kept["sample/network"].shape == (4, 1, 16, 16)
    assert say(f"{words} --out again").code == 0  # from the cache
    assert len(encoded(place)) == 1
    assert say("report audited").code == 0
    assert "decoded from them" in (place / "audited" / "report.html").read_text()
    assert say("compare audited again --out compared").code == 0


def test_info(place, say, latent):
    said = say(f"info {latent} --data digits --size 16 --json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["shape"] == [2, 8, 8]
    assert told["pictures"] == [1, 16, 16]
    assert told["parametrisation"] == "epsilon, of latents"
    assert told["latents"].startswith("mode of the posterior of its AutoencoderKL, less 0, times 2")
    assert told["fits"] is True
    assert not encoded(place)  # nothing is encoded to say so
    said = say(f"info {latent} --data digits --json")
    assert "add --size 16" in json.loads(said.out)["reason"]
    said = say(f"info {latent} --check digits --size 16")
    assert said.code == 2  # random weights denoise nothing
    assert "does not behave" in said.err or ": its " in said.err
    assert len(encoded(place)) == 1


def test_sample_and_distill(place, say, latent):
    assert say(f"sample {latent} --seeds 0-2 --levels 3 --out alone").code == 0
    words = "--data digits --size 16 --split 64"
    said = say(f"sample {latent} {words} --with gaussian --seeds 0-2 --levels 3 --out drawn")
    assert said.code == 0, said.err
    with np.load(place / "drawn" / "samples.npz") as kept:
        assert kept["images"].shape == kept["gaussian"].shape == (3, 1, 16, 16)
        assert kept["trajectory_network"].shape == (3, 3, 1, 16, 16)
        assert kept["images"].dtype == np.uint8
    note = json.loads((place / "drawn" / "samples.json").read_text())
    assert note["latents"]["scale"] == [2.0]
    said = say(f"distill {latent} {words} --images 40 --levels 2 --out linear")
    assert said.code == 0, said.err
