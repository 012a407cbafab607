"""A level and all levels: what is spent, when it ends, what it does not depend on, what is refused."""

import pytest
import torch
from fitting import relative

from denoscope.closed_form import GaussianDenoiser, LinearDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.distillation import (
    Setting,
    Splits,
    distill,
    distill_level,
    distillation_levels,
    linear_denoiser,
)
from denoscope.distillation.teacher import Teacher
from denoscope.errors import InputError, RunError
from denoscope.noise import karras_levels


@pytest.fixture(scope="module")
def setting(learned, others):
    return Setting.of(Splits.of(others), GaussianDenoiser.fit(learned))


@pytest.fixture(scope="module")
def delta(learned):
    return MultiDeltaDenoiser(learned)


def test_it_counts_what_it_spends_and_is_better_than_the_gaussian(delta, setting):
    told = []
    fit = distill_level(delta, 0.47, setting, on_evaluations=told.append)
    assert fit.stopped == "settled"
    assert fit.evaluations == 40 + 280 * round((fit.evaluations - 40) / 280)
    assert fit.score_evaluations == 80
    assert sum(told) == fit.evaluations + fit.score_evaluations
    assert fit.gain.value > 5 * fit.gain.se > 0
    assert fit.score.value < 0.95 * fit.gaussian_score.value
    assert fit.score.n == 80
    assert fit.gaussian_score.value - fit.score.value == pytest.approx(fit.gain.value)
    # the last round was not worth its evaluations, the one before was
    steps = [a - b for a, b in zip(fit.validation, fit.validation[1:], strict=False)]
    assert steps[-1] < 0.05 * fit.validation[-1]


def test_where_the_gaussian_is_right_it_ends_at_once(learned, setting):
    fit = distill_level(GaussianDenoiser.fit(learned), 2.0, setting)
    assert fit.stopped == "settled"
    assert fit.evaluations <= 40 + 4 * 280  # there is the rounding of float32 to fit
    assert fit.weight_difference < 1e-9
    assert fit.score.value < 1e-4


@pytest.mark.parametrize("budget", [44, 100, 700])
def test_a_budget_is_spent_and_not_more(delta, setting, budget):
    fit = distill_level(delta, 0.47, setting, budget=budget)
    assert fit.evaluations <= budget
    assert fit.stopped == ("budget" if fit.evaluations == budget else "settled")
    if budget < 600:
        assert (fit.evaluations, fit.stopped) == (budget, "budget")
    with pytest.raises(InputError, match="give 44 or more"):
        distill_level(delta, 0.47, setting, budget=43)


def test_it_does_not_depend_on_the_batch(delta, setting):
    fits = [distill_level(delta, 0.47, setting, batch=b, dtype=torch.float64) for b in (400, 7)]
    assert relative(fits[1].matrix, fits[0].matrix) < 1e-9
    assert fits[0].evaluations == fits[1].evaluations
    again = distill_level(delta, 0.47, setting, batch=7, dtype=torch.float64)
    assert torch.equal(again.matrix, fits[1].matrix)
    other = distill_level(delta, 0.47, setting, seed=1)
    assert relative(other.matrix, fits[0].matrix) > 1e-3


def test_its_standard_error_is_what_other_noise_and_pictures_make(delta, digits, learned):
    """Two fits of disjoint pictures differ by about sqrt(2) of what each states."""
    rest = digits.split(64, seed=0)[1]
    fits = []
    for part in range(2):
        pictures = rest.take(range(400 * part, 400 * (part + 1)))
        setting = Setting.of(Splits.of(pictures), GaussianDenoiser.fit(learned))
        fits.append(distill_level(delta, 1.502, setting, seed=part))
    apart = float((fits[0].matrix - fits[1].matrix).norm())
    stated = sum((fit.error * float(fit.matrix.norm())) ** 2 for fit in fits) ** 0.5
    assert 0.4 < apart / stated < 1.3  # what is drawn to nought in both is no difference


def test_held_out_inputs_show_what_training_inputs_hide(delta, learned, others):
    """The tower property: distilled on its own pictures a memorizer is the Gaussian denoiser."""
    gaussian, levels = GaussianDenoiser.fit(learned), torch.tensor([0.47])
    (own,) = distill(
        delta, Splits.shared(learned), levels=levels, inputs="train", gaussian=gaussian
    )
    (other,) = distill(delta, others, levels=levels, gaussian=gaussian)
    assert own.weight_difference < 0.01
    assert other.weight_difference > 0.1
    assert own.symmetry_defect < 0.1 < other.symmetry_defect


def test_noise_uses_no_picture(learned, others):
    spec = Spec("affine", (1, 8, 8))
    affine = FunctionDenoiser(lambda x, sigma: 0.25 * x + 0.5, spec)
    (fit,) = distill(
        affine,
        others,
        levels=torch.tensor([3.0]),
        inputs="noise",
        gaussian=GaussianDenoiser.fit(learned),
    )
    torch.testing.assert_close(fit.matrix, 0.25 * torch.eye(64).double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(fit.bias, torch.full((64,), 0.5).double(), rtol=0, atol=1e-4)


def test_all_levels_make_a_denoiser(delta, others):
    levels = karras_levels(4)
    fits = list(distill(delta, others, levels=levels, budget=400))
    assert [fit.sigma for fit in fits] == levels.tolist()
    linear = linear_denoiser(fits, others.shape)
    assert isinstance(linear, LinearDenoiser)
    x = others.floats(range(3)).double()
    for fit in fits:
        answer = linear(x, torch.tensor([fit.sigma], dtype=torch.float64)).flatten(1)
        torch.testing.assert_close(answer, x.flatten(1) @ fit.matrix.T + fit.bias)


def test_a_model_of_few_levels_is_asked_at_these():
    known = torch.tensor([10.0, 1.0], dtype=torch.float64)
    few = FunctionDenoiser(lambda x, sigma: x, Spec("few", (1, 8, 8), 1.0, 10.0, levels=known))
    assert distillation_levels(few, torch.tensor([80.0, 9.0, 1.2, 0.9]).double()) == pytest.approx(
        {10.0: 9.0, 1.0: 0.9}
    )


@pytest.mark.parametrize("sizes", [(1, 5, 5), (5, 1, 5), (5, 5, 1)])
def test_splits_are_disjoint_and_large_enough(others, sizes):
    splits = Splits.of(others, seed=3)
    ids = [set(part.ids.tolist()) for part in (splits.fit, splits.validation, splits.score)]
    assert [len(one) for one in ids] == [280, 40, 80]
    assert len(set.union(*ids)) == 400
    assert not splits.are_shared
    with pytest.raises(InputError, match="give 2 or more of each"):
        Splits(*(others.take(range(size)) for size in sizes))
    with pytest.raises(InputError, match="9 pictures to distil on; give 10 or more"):
        Splits.of(others.take(range(9)))


def broken(name, function):
    return FunctionDenoiser(function, Spec(name, (1, 8, 8)))


def test_what_will_not_do_is_refused(delta, others):
    levels = torch.tensor([1.0])
    wide = FunctionDenoiser(lambda x, sigma: x, Spec("wide", (1, 9, 9)))
    infinite = broken("infinite", lambda x, sigma: x / 0)
    flat = broken("flat", lambda x, sigma: x.flatten(1))
    with pytest.raises(InputError, match="positive and finite"):
        next(distill(delta, others, levels=torch.tensor([0.0])))
    with pytest.raises(InputError, match="open them with another size"):
        next(distill(wide, others, levels=levels))
    with pytest.raises(InputError, match="choose from train, held_out, noise"):
        Teacher(delta, 1.0, inputs="other")  # type: ignore[arg-type]
    with pytest.raises(RunError, match="not finite at sigma 1"):
        next(distill(infinite, others, levels=levels))
    with pytest.raises(InputError, match="a denoiser returns x's shape"):
        next(distill(flat, others, levels=levels))
