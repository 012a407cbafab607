"""The contract: specs, the function wrapper, what a call refuses, snapping to known levels."""

import pytest
import torch

from denoscope.denoiser import (
    Denoiser,
    FunctionDenoiser,
    LevelwiseDenoiser,
    Spec,
    as_sigma,
    check_call,
    check_denoiser,
    snap_to_levels,
)
from denoscope.errors import DenoscopeError, InputError, RunError, SigmaOutOfRange

SPEC = Spec("shrink", (1, 2, 2), sigma_min=0.5, sigma_max=10.0)
X = torch.ones(3, 1, 2, 2)


def shrink(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return x / (1 + sigma**2)


def test_a_function_with_a_spec_is_a_denoiser():
    denoiser = FunctionDenoiser(shrink, SPEC)
    assert isinstance(denoiser, Denoiser)
    assert check_denoiser(denoiser) is denoiser
    out = denoiser(X, torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(out[:, 0, 0, 0], torch.tensor([0.5, 0.2, 0.1]))
    torch.testing.assert_close(denoiser(X, torch.tensor([1.0])), X / 2)


def test_sigma_comes_back_ready_to_broadcast_in_the_dtype_of_x():
    for dtype in (torch.float32, torch.float64):
        sigma = check_call(SPEC, X.to(dtype), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
        assert sigma.shape == (3, 1, 1, 1)
        assert sigma.dtype == dtype
    assert check_call(SPEC, X, torch.tensor([1.0])).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 2, 2, 2), (3, 1, 2, 3), (3, 4), (3, 1, 2, 2, 1)])
def test_refuses_pictures_of_another_shape(shape):
    with pytest.raises(InputError, match=r"it takes \(B, 1, 2, 2\)"):
        check_call(SPEC, torch.zeros(shape), torch.ones(1))


@pytest.mark.parametrize("shape", [(), (2,), (4,), (3, 1), (3, 1, 1, 1)])
def test_refuses_levels_of_another_shape(shape):
    with pytest.raises(InputError, match="one level a picture"):
        check_call(SPEC, X, torch.ones(shape))


@pytest.mark.parametrize("level", [0.49, 10.1, 0.0, -1.0, float("inf"), float("nan")])
def test_refuses_levels_outside_the_range(level):
    for sigma in (torch.tensor([level]), torch.tensor([1.0, level, 2.0])):
        with pytest.raises(SigmaOutOfRange, match=r"it knows \[0.5, 10\]"):
            check_call(SPEC, X, sigma)


def test_the_ends_of_the_range_survive_float32():
    spec = Spec("ends", (1, 2, 2), sigma_min=0.002, sigma_max=80.0)
    for level in (0.002, 80.0):
        check_call(spec, X, torch.tensor([level], dtype=torch.float32))
        check_call(spec, X, torch.tensor([level], dtype=torch.float64))
    check_call(Spec("closed", (1, 2, 2)), X, torch.tensor([0.0, 1.0, float("inf")]))


@pytest.mark.parametrize("candidate", [shrink, None, SPEC, object()])
def test_refuses_what_is_no_denoiser(candidate):
    with pytest.raises(InputError, match="FunctionDenoiser"):
        check_denoiser(candidate)


def test_snapping_takes_the_nearest_level_in_log_sigma():
    levels = torch.tensor([10.0, 1.0, 0.1], dtype=torch.float64)
    spec = Spec("some", (1, 2, 2), sigma_min=0.1, sigma_max=10.0, levels=levels)
    asked = torch.tensor([80.0, 3.3, 3.0, 1.0, 0.2, 0.001], dtype=torch.float64)
    # 3.16 = sqrt(10) is the middle between 10 and 1 in log sigma; between the values it is 5.5.
    assert snap_to_levels(spec, asked).tolist() == [10.0, 10.0, 1.0, 1.0, 0.1, 0.1]


def test_snapping_to_a_continuum_only_clamps():
    asked = torch.tensor([0.1, 0.7, 99.0])
    torch.testing.assert_close(snap_to_levels(SPEC, asked), torch.tensor([0.5, 0.7, 10.0]))


def test_a_spec_under_another_name():
    renamed = SPEC.renamed("network")
    assert renamed.name == "network"
    assert renamed.shape == SPEC.shape
    assert SPEC.name == "shrink"


def multiple(factor: float, name: str = "times", **range_) -> FunctionDenoiser:
    """D(x; sigma) = factor x."""
    return FunctionDenoiser(lambda x, sigma: factor * x, Spec(name, (1, 2, 2), **range_))


def of_one_level(level: float, factor: float) -> FunctionDenoiser:
    levels = torch.tensor([level], dtype=torch.float64)
    return multiple(factor, sigma_min=level, sigma_max=level, levels=levels)


def test_each_row_goes_to_the_denoiser_of_its_level():
    denoiser = LevelwiseDenoiser({0.5: multiple(2), 42.415: multiple(3), 4.0: multiple(5)}, "daes")
    assert isinstance(denoiser, Denoiser)
    assert denoiser.spec.name == "daes"
    assert denoiser.spec.levels.tolist() == [42.415, 4.0, 0.5]
    assert (denoiser.spec.sigma_min, denoiser.spec.sigma_max) == (0.5, 42.415)
    for dtype in (torch.float32, torch.float64):
        mixed = denoiser(X, torch.tensor([0.5, 42.415, 0.5], dtype=dtype))
        assert mixed[:, 0, 0, 0].tolist() == [2, 3, 2]
        assert torch.equal(denoiser(X, torch.tensor([4.0], dtype=dtype)), 5 * X)


def test_each_denoiser_is_asked_its_own_level_exactly():
    asked = []

    def note(x, sigma):
        asked.append(float(sigma))
        return x

    denoiser = LevelwiseDenoiser({0.3: FunctionDenoiser(note, Spec("notes", (1, 2, 2)))})
    denoiser(X.double(), torch.tensor([0.3]))
    assert asked == [0.3]


@pytest.mark.parametrize("level", [0.7, 4.00001, 0.499, 50.0, float("nan")])
def test_a_level_between_the_known_is_refused(level):
    denoiser = LevelwiseDenoiser({0.5: multiple(2), 4.0: multiple(5)})
    for sigma in (torch.tensor([level]), torch.tensor([0.5, level, 4.0])):
        with pytest.raises(SigmaOutOfRange):
            denoiser(X, sigma)
    with pytest.raises(SigmaOutOfRange, match=r"sigma 0.7 asked; it knows 4, 0.5 alone"):
        denoiser(X, torch.tensor([0.7]))


def test_denoisers_of_one_level_each_say_it_themselves():
    denoiser = LevelwiseDenoiser.of([of_one_level(0.5, 2), of_one_level(4.0, 5)])
    assert denoiser(X, torch.tensor([4.0, 0.5, 4.0]))[:, 0, 0, 0].tolist() == [5, 2, 5]
    with pytest.raises(InputError, match=r"two denoisers for sigma 4"):
        LevelwiseDenoiser.of([of_one_level(4.0, 2), of_one_level(4.0, 5)])
    with pytest.raises(InputError, match="say which it serves"):
        LevelwiseDenoiser.of([multiple(2)])


def test_what_is_no_denoiser_of_its_level_is_refused():
    with pytest.raises(InputError, match="no denoisers given"):
        LevelwiseDenoiser({})
    with pytest.raises(InputError, match="give positive ones"):
        LevelwiseDenoiser({0.0: multiple(2)})
    with pytest.raises(SigmaOutOfRange, match=r"does not know sigma 3, the nearest is 4"):
        LevelwiseDenoiser({3.0: of_one_level(4.0, 2)})
    wide = FunctionDenoiser(shrink, Spec("wide", (1, 2, 3)))
    with pytest.raises(InputError, match="give one shape"):
        LevelwiseDenoiser({1.0: wide, 2.0: multiple(2)})
    with pytest.raises(InputError, match="is not a denoiser"):
        LevelwiseDenoiser({1.0: shrink})


def test_its_works_are_cited_once():
    both = LevelwiseDenoiser(
        {1.0: multiple(2, citations=("A",)), 2.0: multiple(2, citations=("A", "B"))}
    )
    assert both.spec.citations == ("A", "B")
    assert both.to("cpu").spec.levels.tolist() == [2.0, 1.0]


def test_as_sigma():
    assert as_sigma(0.3, X).tolist() == [0.3]
    assert as_sigma(torch.tensor(2.0), X).dtype == torch.float64


def test_errors_carry_the_exit_codes_of_the_command_line():
    assert (InputError.exit_code, SigmaOutOfRange.exit_code, RunError.exit_code) == (2, 2, 1)
    for kind in (InputError, SigmaOutOfRange, RunError):
        assert issubclass(kind, DenoscopeError)
    assert issubclass(SigmaOutOfRange, ValueError)
