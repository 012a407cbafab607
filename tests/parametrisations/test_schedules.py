"""Schedules against plain loops, published figures and their own inverses."""

import math

import pytest
import torch
from hypothesis import given

from denoscope.networks import VPPreconditioning
from denoscope.parametrisations import ContinuousSchedule, DiscreteSchedule
from parametrisations.schedules_drawn import own_times, schedules


def levels_by_loop(betas: list[float]) -> list[float]:
    kept, levels = 1.0, []
    for beta in betas:
        kept *= 1 - beta
        levels.append(math.sqrt((1 - kept) / kept))
    return levels[::-1]


def close(actual, expected, rtol=1e-12):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    actual = torch.as_tensor(actual, dtype=torch.float64)
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=0)


def test_linear_betas_are_those_of_ddpm():
    schedule = DiscreteSchedule.linear(1000)
    betas = [1e-4 + i * (0.02 - 1e-4) / 999 for i in range(1000)]
    close(schedule.levels, levels_by_loop(betas), rtol=1e-10)
    # Ho et al. 2020: the last step keeps 4e-5 of the picture's variance.
    assert float(schedule.alphas[-1] ** 2) == pytest.approx(4.036e-5, rel=1e-3)
    assert len(schedule) == len(schedule.levels) == 1000
    assert schedule.left_out == ()


def test_scaled_linear_has_the_levels_of_stable_diffusion():
    schedule = DiscreteSchedule.scaled_linear()
    low, high = math.sqrt(0.00085), math.sqrt(0.012)
    betas = [(low + i * (high - low) / 999) ** 2 for i in range(1000)]
    close(schedule.levels, levels_by_loop(betas), rtol=1e-10)
    # As its samplers print them.
    assert schedule.level_max == pytest.approx(14.6146, abs=1e-4)
    assert schedule.level_min == pytest.approx(0.0292, abs=1e-4)


def test_cosine_betas_are_capped():
    def f(u):
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - f((i + 1) / 50) / f(i / 50), 0.999) for i in range(50)]
    assert betas[-1] == 0.999
    close(DiscreteSchedule.cosine(50).levels, levels_by_loop(betas), rtol=1e-10)


def test_zero_terminal_snr_keeps_the_first_index_and_leaves_out_the_last():
    before = DiscreteSchedule.linear(100, 1e-3, 0.1)
    after = before.with_zero_terminal_snr()
    close(after.alphas[0], before.alphas[0])
    assert float(after.alphas[-1]) == 0
    close(after.alphas**2 + after.sigmas**2, torch.ones(100))
    assert after.left_out == (99.0,)
    assert len(after) == 100
    assert len(after.levels) == 99
    assert "time 99, where alpha = 0" in after.note()
    # Evenly stretched: ratios of differences stay.
    steps = torch.diff(after.alphas) / torch.diff(before.alphas)
    close(steps, steps[0].expand(99), rtol=1e-9)


def test_a_table_of_another_program_is_taken_bit_for_bit():
    abar = (1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(0)  # float32, as it was rounded
    schedule = DiscreteSchedule.of_alphas_cumprod(abar)
    assert torch.equal(schedule.alphas**2, abar.double().sqrt() ** 2)
    close(schedule.level(torch.tensor(17)), ((1 - abar[17].double()) / abar[17].double()).sqrt())


def test_a_beta_of_one_ends_the_levels():
    schedule = DiscreteSchedule.of_betas(torch.tensor([0.1, 0.5, 1.0, 0.2]))
    assert len(schedule.levels) == 2
    assert schedule.left_out == (2.0, 3.0)
    assert bool(schedule.level(torch.tensor(3)).isinf())


def test_vp_is_the_time_of_the_vp_preconditioning():
    schedule = ContinuousSchedule.vp()
    t = torch.linspace(1e-5, 1, 50, dtype=torch.float64)
    close(schedule.level(t), VPPreconditioning.sigma_of(t))
    close(schedule.time_of(schedule.level(t)), t)
    close(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, torch.ones(50))
    close((schedule.level_min, schedule.level_max), VPPreconditioning.sigma_range)


def test_flow_and_its_shift():
    t = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    plain, shifted = ContinuousSchedule.flow(), ContinuousSchedule.flow(3.0)
    close(plain.alpha(t), 1 - t)
    close(plain.sigma(t), t)
    close(shifted.sigma(t), 3 * t / (1 + 2 * t))
    close(shifted.alpha(t), 1 - shifted.sigma(t))
    # Times from pictures to noise are moved, levels are multiplied.
    close(shifted.level(t), 3 * plain.level(t))
    assert plain.left_out == (1.0,)


def test_exploding_has_its_level_for_time():
    schedule = ContinuousSchedule.ve(0.01, 50.0)
    t = torch.tensor([0.01, 1.0, 50.0], dtype=torch.float64)
    assert torch.equal(schedule.alpha(t), torch.ones(3, dtype=torch.float64))
    assert torch.equal(schedule.level(t), t)
    assert (schedule.level_min, schedule.level_max) == (0.01, 50.0)


@given(make=schedules())
def test_every_level_finds_its_time(make):
    schedule = make()
    t = own_times(schedule, 9)
    level = schedule.level(t)
    assert bool(schedule.knows(level).all())
    again = schedule.time_of(level)
    if schedule.levels is not None:
        assert torch.equal(again, t)
        assert bool((torch.diff(schedule.levels) < 0).all())
        assert not bool(schedule.knows(schedule.levels[:1] * 1.0001).any())
    else:
        torch.testing.assert_close(schedule.level(again), level, rtol=1e-11, atol=0)
        outside = torch.tensor([schedule.level_min * 0.99, schedule.level_max * 1.01, math.nan])
        assert not bool(schedule.knows(outside).any())


def test_the_bracketed_inverse_equals_the_closed_form():
    closed = ContinuousSchedule.vp()
    bracketed = ContinuousSchedule(closed.alpha, closed.sigma, 1e-5, 1.0)
    level = torch.logspace(-2.9, 2.1, 40, dtype=torch.float64)
    torch.testing.assert_close(bracketed.time_of(level), closed.time_of(level), rtol=1e-11, atol=0)


def test_an_index_left_out_at_the_start_moves_no_other():
    """A table from noise to picture."""
    forward = DiscreteSchedule.linear(20).with_zero_terminal_snr()
    backward = DiscreteSchedule(forward.alphas.flip(0), forward.sigmas.flip(0))
    assert backward.left_out == (0.0,)
    assert torch.equal(backward.levels, forward.levels)
    t = torch.arange(1, 20)
    assert torch.equal(backward.time_of(backward.level(t)), t)
