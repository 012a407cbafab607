"""`denoscope import` writes a folder that every verb takes, or nothing."""

import json

import pytest

from checkpoints.edm_writer import edm_pickle, edm_record
from checkpoints.hostile import good_edm2_pickle, good_lucid_file
from denoscope.networks import NetworkSettings


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


NETWORK = NetworkSettings(
    arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1, attention=()
)


def test_import_and_ask(place, say):
    (place / "x.pkl").write_bytes(edm_pickle(edm_record(NETWORK)))
    said = say("import x.pkl --out models/x --json")
    assert said.code == 0
    told = json.loads(said.out)
    assert told["folder"] == str(place / "models" / "x")
    assert told["network"]["arch"] == "ddpmpp"
    assert "trained on: data/digits.zip" in said.err
    folder = place / "models" / "x"
    assert {path.name for path in folder.iterdir()} == {"model.json", "weights.safetensors"}
    for where in ("models/x", "x.pkl"):
        said = say(f"info {where} --json")
        assert said.code == 0
        told = json.loads(said.out)
        assert told["trained_on"] == "data/digits.zip, 1797 pictures"


def test_a_size_that_the_file_does_not_say(place, say):
    (place / "model-1.pt").write_bytes(good_lucid_file())
    said = say("import model-1.pt --out new")
    assert said.code == 2
    assert "denoscope import model-1.pt --size PIXELS --out DIR" in said.err
    assert not (place / "new").exists()
    said = say("import model-1.pt --out new --size 16")
    assert said.code == 0
    assert "assumed: pictures of 16 x 16 over [-1, 1]" in said.out
    told = json.loads(say("info new --json").out)
    assert told["shape"] == [1, 16, 16]
    assert told["parametrisation"] == "epsilon, of pictures over [-1, 1]"


def test_a_model_of_latents_says_so(place, say):
    (place / "edm2.pkl").write_bytes(good_edm2_pickle())
    assert "space: latents of stabilityai" in say("import edm2.pkl --out new").out
    for where in ("new", "edm2.pkl"):
        told = json.loads(say(f"info {where} --json").out)
        assert told["space"].startswith("latents of stabilityai/sd-vae-ft-mse, by channel times")


def test_what_is_wrong_leaves_nothing(place, say):
    (place / "x.pkl").write_bytes(edm_pickle({"ema": 3}))
    (place / "x.txt").write_text("hello")
    (place / "x.pt").write_text("hello")
    for words, says in (
        ("import x.pkl --out new", "no network under 'ema'"),
        ("import x.txt --out new", "give a network pickle of EDM"),
        ("import x.pt --out new", "no whole file of torch.save"),
        ("import nowhere.pkl --out new", "give a network pickle of EDM"),
        ("import x.pkl --out .", "holds something already"),
    ):
        said = say(words)
        assert said.code == 2
        assert says in said.err
        assert not (place / "new").exists()
