"""The generator's contract: dtypes, laziness, snapping, batches, errors."""

import pytest
import torch

from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError, RunError
from denoscope.noise import karras_levels, noise
from denoscope.sampling import sample, trajectory

SHAPE = (1, 4, 4)
LEVELS = karras_levels(10)


def pictures(n: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *SHAPE), generator=generator).float() / 127.5 - 1


def multi_delta(data: torch.Tensor, **spec) -> FunctionDenoiser:
    """Softmax over squared distances, the obvious way (eq. 5), in float64."""

    def denoise(x, sigma):
        y = data.double()
        squared = (x.double()[:, None] - y[None]).square().flatten(2).sum(2)
        weights = torch.softmax(-squared / (2 * sigma.double().reshape(-1, 1) ** 2), dim=1)
        return torch.einsum("bn,nchw->bchw", weights, y).to(x.dtype)

    return FunctionDenoiser(denoise, Spec("multi-delta", SHAPE, **spec))


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_multi_delta_samples_are_training_pictures(solver):
    data = pictures()
    start = noise(range(32), SHAPE, seed=0, stream="sample")
    samples = sample(multi_delta(data), start, LEVELS, solver)
    distance = torch.cdist(samples.flatten(1).double(), data.flatten(1).double())
    assert distance.min(dim=1).values.max() < 1e-5
    assert len(distance.argmin(dim=1).unique()) == len(data)


def test_first_state_levels_and_dtypes():
    seen = []
    inner = multi_delta(pictures())

    def spy(x, sigma):
        seen.append((x.dtype, tuple(sigma.shape)))
        return inner(x, sigma.flatten())

    start = noise(range(3), SHAPE, seed=0, stream="sample")
    steps = list(trajectory(FunctionDenoiser(spy, inner.spec), start, LEVELS))
    assert [step.index for step in steps] == list(range(10))
    assert [step.sigma for step in steps] == LEVELS.tolist()
    assert [step.sigma_used for step in steps] == LEVELS.tolist()
    torch.testing.assert_close(steps[0].x, 80 * start.double(), rtol=0, atol=0)
    assert {step.x.dtype for step in steps} == {step.x0_hat.dtype for step in steps}
    assert steps[0].x.dtype == torch.float64
    assert {dtype for dtype, _ in seen} == {torch.float32}


def test_sample_is_the_last_x0_hat_and_independent_of_the_batch():
    denoiser = multi_delta(pictures())
    start = noise(range(7), SHAPE, seed=0, stream="sample")
    *_, step = trajectory(denoiser, start, LEVELS)
    whole = sample(denoiser, start, LEVELS)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole, step.x0_hat.float(), rtol=0, atol=0)
    for batch in (1, 2, 3):
        torch.testing.assert_close(
            sample(denoiser, start, LEVELS, batch=batch), whole, rtol=0, atol=1e-6
        )
    alone = sample(denoiser, noise([4], SHAPE, seed=0, stream="sample"), LEVELS)
    torch.testing.assert_close(alone[0], whole[4], rtol=0, atol=1e-6)


def test_it_is_lazy_and_leaks_no_grad_mode():
    calls = []
    weight = torch.ones((), requires_grad=True)
    denoiser = FunctionDenoiser(
        lambda x, s: calls.append(1) or x * weight / (1 + s), Spec("net", SHAPE)
    )
    steps = trajectory(denoiser, torch.ones(1, *SHAPE), LEVELS)
    assert not calls
    first = next(steps)
    assert len(calls) == 1
    assert torch.is_grad_enabled()
    assert not first.x0_hat.requires_grad
    second = next(steps)
    assert len(calls) == 2
    assert not second.x.requires_grad


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_levels_are_snapped_to_what_the_denoiser_knows(solver):
    known = torch.tensor([50.0, 10.0, 1.0, 0.1], dtype=torch.float64)
    denoiser = multi_delta(pictures(), levels=known, sigma_min=0.1, sigma_max=50.0)
    steps = list(trajectory(denoiser, torch.ones(1, *SHAPE), LEVELS, solver))
    assert len(steps) == 10
    assert [step.sigma for step in steps] == LEVELS.tolist()
    assert {step.sigma_used for step in steps} == set(known.tolist())
    torch.testing.assert_close(steps[0].x, torch.full_like(steps[0].x, 50.0))
    # levels that snapped to one are passed without a move
    torch.testing.assert_close(steps[-1].x, steps[-2].x, rtol=0, atol=0)


def test_a_narrower_range_is_clamped():
    denoiser = multi_delta(pictures(), sigma_min=0.02, sigma_max=30.0)
    used = [step.sigma_used for step in trajectory(denoiser, torch.ones(1, *SHAPE), LEVELS)]
    assert (used[0], used[-1]) == (30.0, 0.02)
    assert used[2] == LEVELS[2]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([1.0, 2.0], "strictly decrease"),
        ([2.0, 1.0, 1.0], "strictly decrease"),
        ([1.0, 0.0], "positive"),
        ([1.0, -1.0], "positive"),
        ([float("inf"), 1.0], "finite"),
        ([float("nan")], "finite"),
        ([], "n at least 1"),
        (torch.ones(1, 2), "n at least 1"),
    ],
)
def test_bad_levels_are_refused_before_the_first_step(levels, words):
    with pytest.raises(InputError, match=words):
        trajectory(multi_delta(pictures()), torch.ones(1, *SHAPE), levels)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (torch.ones(2, 1, 4, 5), "give floats of shape"),
        (torch.ones(1, 4, 4), "give floats of shape"),
        (torch.ones(2, *SHAPE, dtype=torch.int64), "give floats of shape"),
        (torch.full((2, *SHAPE), float("nan")), "NaN"),
    ],
)
def test_bad_noise_is_refused(start, words):
    with pytest.raises(InputError, match=words):
        trajectory(multi_delta(pictures()), start, LEVELS)


def test_other_bad_input_is_refused():
    denoiser, start = multi_delta(pictures()), torch.ones(2, *SHAPE)
    with pytest.raises(InputError, match="choose from euler, heun"):
        trajectory(denoiser, start, LEVELS, solver="dpm")
    with pytest.raises(InputError, match="batch 0"):
        sample(denoiser, start, LEVELS, batch=0)
    with pytest.raises(InputError, match="B at least 1"):
        sample(denoiser, start[:0], LEVELS)


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_nan_from_the_network_names_the_level(solver):
    broken = FunctionDenoiser(
        lambda x, s: torch.where(s < 5, float("nan"), 0.0) * x, Spec("net", SHAPE)
    )
    with pytest.raises(RunError, match=r"net: NaN or infinity at sigma 4\.06"):
        sample(broken, torch.ones(2, *SHAPE), LEVELS, solver)


def test_a_wrong_shape_from_the_network_is_refused():
    flat = FunctionDenoiser(lambda x, s: x.flatten(1), Spec("net", SHAPE))
    with pytest.raises(InputError, match="returns x's shape"):
        sample(flat, torch.ones(2, *SHAPE), LEVELS)
