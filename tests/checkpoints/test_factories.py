import pytest
import torch

from denoscope.checkpoints import describe_model, open_denoiser
from denoscope.errors import InputError

MODULE = """
import torch
from denoscope import FunctionDenoiser, Spec

def shrink():
    return FunctionDenoiser(lambda x, sigma: x / (1 + sigma**2), Spec("shrink", (1, 4, 4)))

def broken():
    raise KeyError("weights")

def nothing():
    return None

def plain():
    return lambda x, sigma: x

number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # and what open_factory adds is undone afterwards
    (tmp_path / "factory_models.py").write_text(MODULE)
    (tmp_path / "factory_syntax.py").write_text("def (")
    (tmp_path / "factory_raises.py").write_text("raise RuntimeError('no weights here')")
    (tmp_path / "factory_exits.py").write_text("import torch_of_the_future")


def test_a_factory_of_the_current_folder(here):
    denoiser = open_denoiser("factory_models:shrink")
    x = torch.ones(2, 1, 4, 4)
    assert torch.equal(denoiser(x, torch.ones(1)), x / 2)
    model = describe_model("factory_models:shrink")
    assert model.family == "python factory"
    assert model.record is None


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("factory_absent:f", "cannot import 'factory_absent'"),
        ("factory_exits:f", "cannot import 'factory_exits' .*torch_of_the_future"),
        ("factory_syntax:f", "importing 'factory_syntax' failed: SyntaxError"),
        ("factory_raises:f", "importing 'factory_raises' failed: RuntimeError: no weights here"),
        ("factory_models:absent", "has no callable 'absent'"),
        ("factory_models:number", "has no callable 'number'"),
        ("factory_models:broken", r"factory_models:broken\(\) failed: KeyError"),
        ("factory_models:nothing", "NoneType is not a denoiser"),
        ("factory_models:plain", "function is not a denoiser"),
        ("factory_models:two:colons", "no model at"),
        ("factory models:f", "no model at"),
    ],
)
def test_factories_that_do_not_work_are_refused(here, where, said):
    with pytest.raises(InputError, match=said):
        open_denoiser(where)
