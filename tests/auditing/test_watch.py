"""The watch on denoisers whose state is known by construction."""

import itertools

import pytest
import torch

from denoscope.auditing import MemorizationWatch
from denoscope.auditing.watch import FIRST, RATIO, look_points
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError, RunError


@pytest.fixture(scope="session")
def sets(digits):
    """(train, held_out): 64 digits to learn from, 300 others."""
    train, held_out = digits.split(64, seed=0)
    return train, held_out.take(range(300))


@pytest.fixture(scope="session")
def toward(sets):
    """toward(w): (1 - w) Gaussian + w multi-delta, so the truth is w, from 0 to 1."""
    gaussian, delta = GaussianDenoiser.fit(sets[0]), MultiDeltaDenoiser(sets[0])

    def make(w):
        def denoise(x, sigma):
            level = sigma.reshape(-1)
            return (1 - w) * gaussian(x, level) + w * delta(x, level)

        return FunctionDenoiser(denoise, Spec("mine", (1, 8, 8), sigma_min=0.002, sigma_max=80))

    return make


def test_points_are_geometric_and_start_after_some_passes():
    points = look_points(100, 100_000)
    assert points[0] == FIRST * 100
    assert points[-1] <= 100_000 < points[-1] * RATIO
    assert all(b / a == pytest.approx(RATIO, rel=1e-3) for a, b in itertools.pairwise(points))
    assert look_points(100, FIRST * 100 - 1) == []


def test_the_two_ends(sets, toward):
    watch = MemorizationWatch(*sets)
    look = watch.look(toward(0.0), 1000)
    assert (look.verdict.label, look.stop, watch.should_stop) == ("generalizing", False, False)
    look = watch.look(toward(1.0), 2000)
    assert (look.verdict.label, look.stop, watch.should_stop) == ("memorizing", True, True)
    assert look.closer
    assert watch.record.before == watch.looks[0]
    assert set(look.signals) == {"copies", "novelty", "gap", "position", "linearity"}


def test_onset_lies_between_and_is_found_once(sets, toward):
    watch = MemorizationWatch(*sets)
    shares = [0.0, 0.1, 0.4, 0.7, 1.0]
    stops = [watch.look(toward(w), 1000 * (i + 1)).stop for i, w in enumerate(shares)]
    assert stops == sorted(stops)  # once set in it does not go away
    assert (stops[0], stops[-1]) == (False, True)
    gaps = [look.signals["position"] for look in watch.looks]
    assert gaps == sorted(gaps)


def test_a_network_that_has_learned_nothing_does_not_stop(sets, planted):
    watch = MemorizationWatch(*sets)
    mean = sets[0].floats().mean(0)
    look = watch.look(planted(lambda x, sigma: mean.expand_as(x) * 0.9), 1000)
    assert (look.verdict.label, look.stop, look.closer) == ("undertrained", False, False)


def test_a_look_is_a_function_of_weights_pictures_and_seed(sets, toward):
    one, two = MemorizationWatch(*sets), MemorizationWatch(*sets, batch=10)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = one.look(toward(0.3), 1000)
    assert torch.equal(torch.random.get_rng_state(), before)
    two.look(toward(0.0), 500)  # what was looked at before does not matter
    second = two.look(toward(0.3), 1000)
    assert first.verdict.label == second.verdict.label
    for name, value in first.signals.items():
        assert second.signals[name] == pytest.approx(value, abs=1e-3)
    other = MemorizationWatch(*sets, seed=1).look(toward(0.3), 1000)
    assert other.signals != first.signals


def test_due_by_the_schedule_and_the_last_look(sets, toward):
    watch = MemorizationWatch(*sets)
    first, second = look_points(64, 1000)[:2]
    assert [watch.due(seen) for seen in (0, first - 1, first, second + 3)] == [
        False,
        False,
        True,
        True,
    ]
    watch.look(toward(0.0), first + 7)
    assert [watch.due(seen) for seen in (first + 8, second - 1, second)] == [False, False, True]


def test_resumed_from_its_looks(sets, toward):
    watch = MemorizationWatch(*sets)
    watch.look(toward(0.0), 600)
    again = MemorizationWatch(*sets, looks=watch.record.looks)
    assert again.record == watch.record
    assert not again.due(600)
    with pytest.raises(InputError, match="the last one was after 600"):
        again.look(toward(0.0), 600)


@pytest.mark.parametrize("count", [0, 1])
def test_held_out_pictures_are_needed(digits, count):
    train, held_out = digits.split(64, seed=0)
    with pytest.raises(InputError, match=f"{count} held-out pictures given"):
        MemorizationWatch(train, held_out.take(range(count)))


def test_what_does_not_fit_is_refused_and_not_remembered(sets, planted):
    watch = MemorizationWatch(*sets)
    with pytest.raises(InputError, match="is not a denoiser"):
        watch.look(lambda x, sigma: x, 10)
    wrong = FunctionDenoiser(lambda x, sigma: x, Spec("wide", (1, 9, 9)))
    with pytest.raises(InputError, match="takes pictures of shape"):
        watch.look(wrong, 10)
    with pytest.raises(RunError, match="not finite"):
        watch.look(planted(lambda x, sigma: x * torch.nan), 10)
    assert watch.looks == []
