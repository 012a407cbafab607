"""The paper's gradient descent: its rates, its batches, and where it leads."""

import math

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import FunctionDenoiser
from denoscope.distillation import Setting, Splits, descend, distill_level, paper_rate
from denoscope.errors import InputError
from denoscope.noise import noise


@pytest.fixture(scope="module")
def setting(others, learned):
    return Setting.of(Splits.of(others), GaussianDenoiser.fit(learned))


@pytest.fixture(scope="module")
def teacher(others):
    return GaussianDenoiser.fit(others)


def test_rates_are_the_paper_s_at_the_nearest_level():
    assert [paper_rate(s) for s in (100.0, 80.0, 4.066, 1.5, 0.5, 0.117, 0.02, 1e-3)] == [
        *[5e-5, 5e-5, 5e-5, 5e-4, 5e-4, 5e-3, 5e-2, 5e-2]
    ]


def test_its_steps_are_adam_s_on_the_mean_squared_error(teacher, setting):
    """Two epochs by hand: batches of 256 and 24 in the order of the pictures, fresh noise in each."""
    sigma, rate, d = 2.0, 0.01, 64
    *_, (found,) = descend(teacher, sigma, setting, rates=[rate], epochs=2)
    w, b = torch.zeros(d, d), torch.zeros(d)
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in (w, b)]
    pictures, step = setting.splits.fit, 0
    x0 = pictures.floats()
    for epoch in range(2):
        eps = noise(pictures.ids.tolist(), x0.shape[1:], seed=0, stream=f"distill {epoch}")
        x = x0 + sigma * eps
        answers = teacher(x, torch.tensor([sigma])).flatten(1)
        for rows in (slice(0, 256), slice(256, 280)):
            y, target = x[rows].flatten(1) / math.sqrt(d), answers[rows]
            residue = 2 * (y @ w.T + b - target) / target.numel()
            step += 1
            for p, gradient, (m, v) in zip(
                (w, b), (residue.T @ y, residue.sum(0)), moments, strict=True
            ):
                m.mul_(0.9).add_(0.1 * gradient)
                v.mul_(0.999).add_(0.001 * gradient**2)
                p -= rate * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    torch.testing.assert_close(found.matrix.float(), w / math.sqrt(d), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.bias.float(), b, rtol=1e-3, atol=1e-5)
    assert (found.number, found.evaluations) == (2, 560)


def test_it_starts_from_nothing_and_comes_nearer(teacher, setting):
    epochs = [one for (one,) in descend(teacher, 2.0, setting, rates=[0.01], epochs=30)]
    assert [one.number for one in epochs] == list(range(31))
    assert epochs[0].weight_difference == pytest.approx(1)
    assert epochs[0].symmetry_defect == 0
    assert epochs[-1].score.value < 0.3 * epochs[0].score.value
    assert epochs[-1].errors.mean() == pytest.approx(epochs[-1].score.value)
    fit = distill_level(teacher, 2.0, setting)
    assert fit.score.value < 0.1 * epochs[-1].score.value  # in a tenth of the evaluations


def test_rates_share_inputs_and_answers(teacher, setting):
    calls = []

    def counted(x, sigma):
        calls.append(len(x))
        return teacher(x, sigma.reshape(-1))

    both = list(
        descend(FunctionDenoiser(counted, teacher.spec), 2.0, setting, rates=[1e-3, 1e-2], epochs=2)
    )
    assert sum(calls) == 2 * 280 + 40 + 80
    for place, rate in enumerate((1e-3, 1e-2)):
        alone = list(descend(teacher, 2.0, setting, rates=[rate], epochs=2))
        torch.testing.assert_close(alone[-1][0].matrix, both[-1][place].matrix, rtol=0, atol=1e-7)


def test_fewer_reports_are_the_same_descent(teacher, setting):
    rare = list(descend(teacher, 2.0, setting, epochs=5, every=3))
    often = list(descend(teacher, 2.0, setting, epochs=5))
    assert [one[0].number for one in rare] == [0, 3, 5]
    assert torch.equal(rare[-1][0].matrix, often[-1][0].matrix)


def test_rates_and_epochs_that_will_not_do_are_refused(teacher, setting):
    for words in ({"rates": []}, {"rates": [0.0]}, {"epochs": 0}):
        with pytest.raises(InputError, match="give positive rates, 1 epoch or more"):
            next(descend(teacher, 2.0, setting, **words))
