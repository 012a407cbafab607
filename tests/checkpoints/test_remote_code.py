"""Code in a folder of diffusers: refused, run where it was asked for and said so, and nothing else with it."""

import json
import shutil
import sys

import pytest
import torch

diffusers = pytest.importorskip("diffusers")

from checkpoints.diffusers_written import unet, written  # noqa: E402
from checkpoints.hostile_diffusers import FILES  # noqa: E402
from denoscope import describe_model, open_denoiser  # noqa: E402
from denoscope.denoiser import as_sigma  # noqa: E402
from denoscope.errors import InputError  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
OWN = """
import pathlib
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from .beside import FACTOR

pathlib.Path("ran").write_text(__file__)


class Own(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(self, sample_size=8, in_channels=2):
        super().__init__()
        self.layer = torch.nn.Conv2d(in_channels, in_channels, 3, padding=1)

    def forward(self, sample, timestep, return_dict=True):
        return (FACTOR * self.layer(sample),)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.meta_path", list(sys.meta_path))
    return tmp_path


def own(place, factor=2.0):
    """(folder of a pipeline whose unet is of a class in unet/own.py, its only layer)."""
    folder = written(place, unet(), diffusers.DDPMScheduler())
    shutil.rmtree(folder / "unet")
    (folder / "unet").mkdir()
    (folder / "unet" / "own.py").write_text(OWN)
    (folder / "unet" / "beside.py").write_text(f"FACTOR = {factor}\n")
    config = {"_class_name": "Own", "sample_size": 8, "in_channels": 2}
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = torch.nn.Conv2d(2, 2, 3, padding=1)
    from safetensors.torch import save_file

    weights = {f"layer.{name}": value.detach() for name, value in layer.named_parameters()}
    save_file(weights, folder / "unet" / "diffusion_pytorch_model.safetensors")
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "unet": ["own", "Own"]}))
    return folder, layer


def expected_of(layer, factor, denoiser):
    """(x, sigma, D) of a network of epsilon that answers factor times its layer."""
    x = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    sigma = as_sigma(denoiser.spec.levels[500], x)
    alpha = (1 + sigma**2).rsqrt().float()
    with torch.no_grad():
        epsilon = factor * layer(alpha * x)
    return x, sigma, x - sigma.float() * epsilon


def test_without_leave_nothing_is_run(place):
    folder, _ = own(place)
    with pytest.raises(InputError, match=r"nothing of it was run: .* --trust-remote-code runs"):
        open_denoiser(folder)
    assert not (place / "ran").exists()


def test_with_leave_it_is_run_and_said_so(place, capsys):
    folder, layer = own(place)
    model = describe_model(folder, trust_remote_code=True)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "running unet/own.py, unet/beside.py of" in said
    assert "all that you may do" in said
    assert (place / "ran").exists()
    x, sigma, expected = expected_of(layer, 2.0, model.denoiser)
    torch.testing.assert_close(model.denoiser(x, sigma), expected, rtol=1e-5, atol=1e-5)
    assert model.family == "diffusers Own of its own code, epsilon, linear schedule of 1000"
    assert not list(folder.rglob("__pycache__"))
    (folder / "unet" / "beside.py").write_text("FACTOR = 3.0\n")
    again = describe_model(folder, trust_remote_code=True)
    assert again.content_hash != model.content_hash
    _, _, expected = expected_of(layer, 3.0, model.denoiser)
    torch.testing.assert_close(again.denoiser(x, sigma), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "named",
    [{"auto_map": {"AutoModel": "own.Own"}}, {"_class_name": ["own", "Own"]}],
    ids=["auto_map", "class"],
)
def test_a_bare_network_of_its_own_class(place, named):
    folder, layer = own(place)
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **named}))
    with pytest.raises(InputError, match="nothing of it was run"):
        open_denoiser(folder / "unet")
    denoiser = open_denoiser(folder / "unet", trust_remote_code=True)
    x, sigma, expected = expected_of(layer, 2.0, denoiser)
    torch.testing.assert_close(denoiser(x, sigma), expected, rtol=1e-5, atol=1e-5)


def test_a_pipelines_own_code_is_not_needed_and_not_run(place, capsys):
    folder = written(place, unet(), diffusers.DDPMScheduler())
    (folder / "own.py").write_text('import pathlib\npathlib.Path("ran").touch()\n')
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": ["own", "Own"]}))
    with pytest.raises(InputError, match="nothing of it was run"):
        open_denoiser(folder)
    assert open_denoiser(folder, trust_remote_code=True).spec.shape == (2, 8, 8)
    assert not (place / "ran").exists()
    assert capsys.readouterr().err == ""


def test_the_same_folder_of_known_classes_opens_as_ever(place, capsys):
    folder = written(place, unet(), diffusers.DDPMScheduler())
    first, second = (describe_model(folder, trust_remote_code=trust) for trust in (False, True))
    assert first.content_hash == second.content_hash
    assert capsys.readouterr().err == ""


def pickled(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")


def outside(folder):
    (folder.parent / "else.py").write_text(OWN)
    (folder / "unet" / "own.py").unlink()
    (folder / "unet" / "own.py").symlink_to(folder.parent / "else.py")


def missing(folder):
    (folder / "unet" / "beside.py").unlink()


def other_class(folder):
    open_denoiser(folder, trust_remote_code=True)  # what is known of it by then is not taken
    path = folder / "unet" / "own.py"
    path.write_text(path.read_text().replace("class Own", "class Other"))


def raising(folder):
    (folder / "unet" / "own.py").write_text("raise SystemError('no\\nlines')")


def unfit(folder):
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "in_channels": 3}))


def own_scheduler(folder):
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "Own"}))


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (pickled, "pickle alone"),
        (outside, "leads out of its folder"),
        (missing, "not whole: beside.py does not read"),
        (other_class, "does not give a Own"),
        (raising, "does not give a Own .SystemError"),
        (unfit, "does not fit the network"),
        (own_scheduler, "names the scheduler Own: known are"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_leave_to_run_code_is_leave_for_nothing_else(place, harm, line):
    folder, _ = own(place)
    harm(folder)
    with pytest.raises(InputError, match=line) as caught:
        open_denoiser(folder, trust_remote_code=True)
    assert "\n" not in str(caught.value)


CODED = ("a pipeline of its own", "a network of its own", "an auto_map", "a class that is a list")


@pytest.mark.parametrize("name", [name for name in FILES if name not in CODED])
def test_hostile_folders_are_refused_with_leave_too(place, name):
    where = FILES[name](place)
    if name == "a scheduler of the system":  # its file is read, and nothing is imported for it
        open_denoiser(where, trust_remote_code=True)
    else:
        with pytest.raises(InputError):
            open_denoiser(where, trust_remote_code=True)
    assert not list(place.rglob("canary"))
