import pytest
import torch
from torch._dynamo.exc import TorchDynamoException

from denoscope.auditing import audit
from denoscope.auditing.arithmetic import Hastened
from denoscope.checkpoints import describe_model
from denoscope.errors import InputError
from denoscope.images import open_images
from denoscope.noise import karras_levels


def test_bf16_says_what_it_costs():
    denoiser = describe_model("bundled:mnist-64").denoiser
    sets = open_images("mnist-5k").take(range(80)).split(64, seed=0)
    few = {"pictures": 4, "samples": 2, "levels": karras_levels(2)}
    plain = audit(denoiser, *sets, **few)
    found = audit(denoiser, *sets, precision="bf16", **few)
    told = found.tables.summary.provenance.arithmetic
    assert plain.tables.summary.provenance.arithmetic == ""
    assert found.tables.summary.provenance.model == plain.tables.summary.provenance.model
    assert told.startswith("bf16; largest difference from float32, relative: ")
    assert told.endswith(" at 0.002")
    costs = [float(part.split(" at ")[0]) for part in told.partition("relative: ")[2].split(", ")]
    assert len(costs) == 2
    assert 0 < max(costs) < 0.2


def test_no_compiler_is_one_line(planted, monkeypatch):
    def broken(function):
        def call(x, sigma):
            raise TorchDynamoException("no working C++ compiler\nmore")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    hastened = Hastened(planted(lambda x, sigma: x), "fp32", True)
    with pytest.raises(InputError, match=r"no working C\+\+ compiler\): audit without compiling$"):
        hastened(torch.zeros(1, 1, 8, 8), torch.ones(1))
    with pytest.raises(InputError, match="give fp32 or bf16"):
        Hastened(planted(lambda x, sigma: x), "fp16", False)
