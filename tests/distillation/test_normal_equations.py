"""Rows and their sums are the same equations; what is solved does not depend on which is at hand."""

import pytest
import torch
from fitting import relative

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.distillation import Setting, Splits, distill_level
from denoscope.distillation.law import InputLaw
from denoscope.distillation.moments import HalvedMoments
from denoscope.distillation.normal_equations import Rows, Sums, joined
from denoscope.distillation.shrinkage import solve

GROUPS = [slice(0, 3), slice(3, 10), slice(10, 24)]


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def rows():
    return Rows(normal(15, 24), normal(15, 24, seed=1))


def oracle(rows, strength):
    """Column by column, by an inverse."""
    sizes = torch.tensor([group.stop - group.start for group in GROUPS])
    s, p = rows.z.T @ rows.z / rows.n, rows.z.T @ rows.v / rows.n
    out = torch.zeros_like(p)
    for place, outputs in enumerate(GROUPS):
        added = torch.diag(strength[:, place].repeat_interleave(sizes))
        out[:, outputs] = torch.linalg.inv(s + added) @ p[:, outputs]
    return out


@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_the_ridge_of_rows_is_that_of_their_sums(rows, spread):
    strength = spread ** normal(3, 3, seed=2).clamp(-1, 1)
    right = oracle(rows, strength)
    for kind in (rows, rows.sums()):
        assert relative(kind.ridge(GROUPS, strength), right) < 1e-9


def test_a_ridge_without_end_gives_nothing_and_one_of_nought_interpolates(rows):
    strength = torch.tensor([1e-13, 1e12, 1e12]).double()[:, None].expand(3, 3)
    first = Rows(rows.z, rows.z[:, :3] @ normal(3, 24, seed=3))
    found = first.ridge(GROUPS, strength)
    torch.testing.assert_close(found[:3], normal(3, 24, seed=3), rtol=0, atol=1e-9)
    assert float(found[3:].abs().max()) < 1e-9


def test_what_is_asked_of_either_is_the_same(rows):
    factor, slopes, fit = normal(24).exp(), normal(24, seed=4), normal(24, 24, seed=5)
    for change in (lambda one: one.scaled(factor), lambda one: one.less(slopes), lambda one: one):
        few, sums = change(rows), change(rows.sums())
        torch.testing.assert_close(few.variances, sums.variances)
        torch.testing.assert_close(few.residue(None), sums.residue(None))
        torch.testing.assert_close(few.residue(fit), sums.residue(fit))


def test_halves_are_joined_by_their_counts(rows):
    one, two = Rows(rows.z[:9], rows.v[:9]), Rows(rows.z[9:], rows.v[9:])
    few = joined(one, two)
    assert isinstance(few, Rows)
    assert torch.equal(few.z, rows.z)
    right = rows.sums()
    for a, b in ((one.sums(), two.sums()), (one, two.sums())):
        sums = joined(a, b)
        assert isinstance(sums, Sums)
        assert sums.n == 15
        torch.testing.assert_close(sums.zz, right.zz)
        torch.testing.assert_close(sums.zv, right.zv)
    assert isinstance(joined(rows, rows), Sums)  # 30 rows, d = 24


def test_rows_become_sums_where_there_are_as_many_as_pixels():
    """About the means of both halves together, whichever they are."""
    z, v = normal(46, 24) + 1, normal(46, 24, seed=1) - 2
    moments = HalvedMoments(24)
    for start in range(0, 46, 2):
        moments.add(z[start : start + 2], v[start : start + 2], torch.tensor([False, True]))
    kinds = [moments.halves()]
    assert all(isinstance(half, Rows) for half in kinds[0])
    z, v = torch.cat([z, normal(2, 24, seed=7)]), torch.cat([v, normal(2, 24, seed=8)])
    moments.add(z[46:], v[46:], torch.tensor([False, True]))
    z, v = z - z.mean(0), v - v.mean(0)
    for half, sums in enumerate(moments.halves()):
        assert isinstance(sums, Sums)
        assert sums.n == 24
        torch.testing.assert_close(sums.zz, z[half::2].T @ z[half::2] / 24)
        torch.testing.assert_close(sums.zv, z[half::2].T @ v[half::2] / 24)


@pytest.mark.parametrize("sigma", [20.0, 0.5])
def test_the_solution_does_not_depend_on_which_is_kept(learned, sigma, monkeypatch):
    """40 rows of d = 64, once as they are and once as sums."""
    gaussian = GaussianDenoiser.fit(learned)
    law = InputLaw.of(gaussian)
    z, v = normal(40, 64), normal(40, 64, seed=1) + 3 * normal(40, 64) @ normal(64, 64, seed=2) / 8
    second = torch.arange(40) % 2 == 1
    moments = HalvedMoments(64)
    moments.add(z, v, second)
    one = solve(moments, law, sigma, gaussian)
    sums = [half.sums() for half in moments.halves()]
    monkeypatch.setattr(moments, "halves", lambda: sums)
    two = solve(moments, law, sigma, gaussian)
    assert relative(one.coefficients, two.coefficients) < 1e-6  # halves of rows are rounded
    torch.testing.assert_close(one.offset, two.offset, rtol=1e-5, atol=1e-6)
    assert one.error == pytest.approx(two.error, rel=1e-5)


@pytest.mark.parametrize("sigma", [4.0, 0.5, 0.02])
def test_the_rounding_of_a_denoiser_stays_rounding(learned, others, sigma):
    """45 rows, d = 64: directions that answers vary in by float32's rounding alone change no other's fit."""
    setting = Setting.of(Splits.of(others.take(range(50))), GaussianDenoiser.fit(learned))
    one, two = (
        distill_level(MultiDeltaDenoiser(learned), sigma, setting, budget=50, dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    assert relative(one.matrix, two.matrix) < 1e-6
    assert one.score.value == pytest.approx(two.score.value, rel=1e-6)
    assert one.error == pytest.approx(two.error, rel=1e-5)
