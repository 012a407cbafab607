"""Names on the hub, against a server on this machine that speaks its protocol."""

import pytest
import torch

diffusers = pytest.importorskip("diffusers")
import huggingface_hub  # noqa: E402

from checkpoints.diffusers_written import unet, written  # noqa: E402
from checkpoints.hub_server import serving  # noqa: E402
from denoscope import describe_model, open_denoiser  # noqa: E402
from denoscope.checkpoints.diffusers_models.hub import is_hub_name  # noqa: E402
from denoscope.denoiser import as_sigma  # noqa: E402
from denoscope.errors import InputError  # noqa: E402


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server with a model, and an empty cache: the paths asked for, and the model's own folder."""
    folder = written(tmp_path, unet(), diffusers.DDPMScheduler())
    (folder / "pipeline.py").write_text("raise SystemExit")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with serving({"someone/small": folder}) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield asked, folder


def test_a_name_opens_as_its_folder_does(hub):
    asked, folder = hub
    model, own = describe_model("someone/small"), describe_model(folder)
    assert (model.family, model.content_hash) == (own.family, own.content_hash)
    assert model.where == "someone/small"
    x = torch.zeros(1, 2, 8, 8)
    sigma = as_sigma(own.denoiser.spec.levels[100], x)
    assert torch.equal(model.denoiser(x, sigma), own.denoiser(x, sigma))
    assert not [path for path in asked if path.endswith((".py", ".bin"))]


def test_what_was_fetched_opens_offline(hub, monkeypatch):
    expected = describe_model("someone/small").content_hash
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers there
    assert describe_model("someone/small").content_hash == expected


def test_offline_and_unknown_names_are_one_line(hub, monkeypatch):
    with pytest.raises(InputError, match="no model at 'someone/else' here, and none on the hub"):
        open_denoiser("someone/else")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"the hub could not be asked .* or try again online"):
        open_denoiser("someone/other")


def test_weights_of_what_is_refused_are_not_fetched(hub):
    asked, folder = hub
    path = folder / "model_index.json"
    path.write_text(path.read_text().replace('"diffusers",\n    "UNet2D', '"own",\n    "UNet2D'))
    with pytest.raises(InputError, match="needs code that is not diffusers' own"):
        open_denoiser("someone/small")
    assert not [path for path in asked if path.endswith(".safetensors")]


def test_paths_and_other_words_are_no_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "here").mkdir()
    assert is_hub_name("google/ddpm-cat-256")
    for word in ("runs/here", "model", "a/b/c", "/a/b", "./a", "../a", "bundled:x", "m.n:f", "a/"):
        assert not is_hub_name(word)
