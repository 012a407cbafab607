"""Every denoiser of the package through the conformance suite: one line each."""

import itertools
from collections.abc import Callable

import pytest
import torch

from conformance import check_conformance
from denoscope.checkpoints import NetworkDenoiser
from denoscope.closed_form import GaussianDenoiser, LinearDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import Denoiser, FunctionDenoiser, LevelwiseDenoiser, Spec
from denoscope.images import MixturePictures, Pictures
from denoscope.networks import NetworkSettings, build_network
from denoscope.noise import karras_levels
from denoscope.parametrisations import (
    ContinuousSchedule,
    DiscreteSchedule,
    Prediction,
    PredictionDenoiser,
    Schedule,
    TimeConvention,
    as_prediction,
    from_blind,
)

SHAPE = (1, 8, 8)
NETWORK_SPEC = Spec("network", SHAPE, sigma_min=0.002, sigma_max=80.0)


def _latents(pictures: Pictures) -> torch.Tensor:
    return pictures.floats() + 0.1


def _linear(pictures: Pictures) -> Denoiser:
    """The Gaussian denoiser's own matrices, at five levels alone."""
    gaussian, levels = GaussianDenoiser.fit(pictures), karras_levels(5)
    matrices = torch.stack([gaussian.matrix(level) for level in levels.tolist()])
    biases = torch.stack([gaussian.bias(level) for level in levels.tolist()])
    return LinearDenoiser(levels, matrices, biases, SHAPE)


def _reopened(
    pictures: Pictures, prediction: Prediction, schedule: Schedule, time: TimeConvention
) -> Denoiser:
    """The Gaussian denoiser as a model of another kind, opened again."""
    model = as_prediction(GaussianDenoiser.fit(pictures), prediction, schedule, time=time)
    return PredictionDenoiser(model, prediction, schedule, SHAPE, time=time)


def _network(arch: str, dtype: torch.dtype, preconditioning: str) -> Denoiser:
    """A small network with random weights everywhere (fresh ones are zero at the end)."""
    settings = {"arch": arch, "shape": SHAPE, "preconditioning": preconditioning}
    settings |= {} if arch == "linear" else {"width": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(NetworkSettings(**settings))
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    network = network.to(dtype)
    if preconditioning == "none":
        level = torch.tensor([0.3], dtype=torch.float64)
        return NetworkDenoiser(network, Spec("dae", SHAPE, 0.3, 0.3, levels=level))
    return NetworkDenoiser(network, NETWORK_SPEC)


# name -> factory(64 digits). To add a denoiser, add a line.
DENOISERS: dict[str, Callable[[Pictures], Denoiser]] = {
    "gaussian": GaussianDenoiser.fit,
    "gaussian, N < d": lambda pictures: GaussianDenoiser.fit(pictures.take(range(9))),
    "gaussian of latents": lambda pictures: GaussianDenoiser.fit(_latents(pictures)),
    "linear": _linear,
    "multi-delta": MultiDeltaDenoiser,
    "multi-delta in chunks": lambda pictures: MultiDeltaDenoiser(pictures, chunk=7),
    "multi-delta of latents": lambda pictures: MultiDeltaDenoiser(_latents(pictures)),
    "exact, of a mixture": lambda pictures: MixturePictures.random(
        SHAPE, components=3, rank=2
    ).denoiser(),
    "one denoiser a level": lambda pictures: LevelwiseDenoiser(
        {
            20.0: GaussianDenoiser.fit(pictures),
            0.3: MultiDeltaDenoiser(pictures),
            1.5: MultiDeltaDenoiser(pictures.take(range(9))),
        }
    ),
    "velocity, of a table": lambda pictures: _reopened(
        pictures, "velocity", DiscreteSchedule.cosine(50).with_zero_terminal_snr(), "index"
    ),
    "flow, of a continuum": lambda pictures: _reopened(
        pictures, "flow", ContinuousSchedule.flow(), "t"
    ),
    "blind": lambda pictures: from_blind(
        lambda y: y / 2, SHAPE, sigma_min=0.1, sigma_max=2.0, data_range=(0, 1)
    ),
    "a function": lambda pictures: FunctionDenoiser(
        lambda x, sigma: x / (1 + sigma**2), Spec("shrink", SHAPE)
    ),
}


@pytest.mark.parametrize("name", DENOISERS)
def test_denoiser_keeps_the_contract(name, few_digits):
    check_conformance(DENOISERS[name](few_digits[0]))


@pytest.mark.parametrize(
    ("arch", "preconditioning"),
    [
        *[(arch, "edm") for arch in ("ddpmpp", "ncsnpp", "adm", "dit")],
        *[("ddpmpp", kind) for kind in ("vp", "ve", "none")],
        ("skip", "none"),
        ("linear", "none"),
    ],
)
def test_network_keeps_the_contract(arch, preconditioning):
    # At sigma = 20 a network's result is sums of some thousand float32 products of size 1.
    single, double = (
        _network(arch, dtype, preconditioning) for dtype in (torch.float32, torch.float64)
    )
    check_conformance(single, double=double, tolerance=1e-4)


CALLS = itertools.count()
BROKEN = {
    "drew random numbers": lambda x, sigma: x + 1e-3 * torch.rand(()),
    "two equal calls differ": lambda x, sigma: x + 1e-3 * next(CALLS),
    "wrote into x": lambda x, sigma: x.mul_(0.5),
    "not the same as one at a time": lambda x, sigma: x - x.mean(0, keepdim=True),
    "dtype": lambda x, sigma: x.double(),
    "shape": lambda x, sigma: x[:, :, :-1],
    "not finite": lambda x, sigma: x * float("nan"),
    "not close": lambda x, sigma: x.detach() + 0.5 * (x - x.detach()),
}


@pytest.mark.parametrize("promise", BROKEN)
def test_the_suite_finds_a_broken_promise(promise):
    with pytest.raises(AssertionError, match=promise):
        check_conformance(FunctionDenoiser(BROKEN[promise], Spec("broken", SHAPE)))


def test_the_suite_finds_a_denoiser_that_takes_any_sigma():
    class Careless:
        spec = Spec("careless", SHAPE)

        def __call__(self, x, sigma):
            return x / (1 + sigma.reshape(-1, 1, 1, 1) ** 2).to(x.dtype)

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_conformance(Careless())
