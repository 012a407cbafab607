import math

import pytest
import torch

from denoscope.errors import InputError
from denoscope.metrics import Closeness, closeness, isotropic


def four(n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, 1, 3, 4, generator=generator, dtype=torch.float64) for _ in range(4)]


def test_every_share_against_loops():
    t, g, m, b = four()
    found = closeness(t, g, m, b)
    tg = tm = tb = mg = along = 0.0
    for i in range(6):
        own_tg = float(((t[i] - g[i]) ** 2).sum())
        own_tb = float(((t[i] - b[i]) ** 2).sum())
        own_mg = float(((m[i] - g[i]) ** 2).sum())
        own_along = float(((t[i] - g[i]) * (m[i] - g[i])).sum())
        assert math.isclose(found.gaussian_shares[i], 1 - own_tg / own_tb)
        assert math.isclose(found.positions[i], own_along / own_mg)
        tg, tb, mg, along = tg + own_tg, tb + own_tb, mg + own_mg, along + own_along
        tm += float(((t[i] - m[i]) ** 2).sum())
    assert math.isclose(found.gaussian_share().value, 1 - tg / tb)
    assert math.isclose(found.multi_delta_share().value, 1 - tm / tb)
    assert math.isclose(found.position().value, along / mg)
    assert math.isclose(found.alignment(), along / math.sqrt(tg * mg))
    assert found.position().n == 6


@pytest.mark.parametrize("t", [0.0, 0.25, 1.0, 1.5])
def test_a_network_on_the_segment_is_where_it_is(t):
    _, g, m, b = four()
    found = closeness(g + t * (m - g), g, m, b)
    torch.testing.assert_close(found.positions, torch.full((6,), t).double())
    assert math.isclose(found.position().value, t, abs_tol=1e-12)
    assert found.position().se < 1e-12
    if t:
        assert math.isclose(found.alignment(), 1.0)


def test_the_ends():
    _, g, m, b = four()
    at_gaussian, at_multi_delta = closeness(g, g, m, b), closeness(m, g, m, b)
    assert at_gaussian.gaussian_share().value == 1
    assert at_multi_delta.multi_delta_share().value == 1
    assert closeness(b, g, m, b - 0.01).gaussian_share().value < 0


def test_agreement_of_both_closed_forms_is_no_position():
    t, g, _, b = four()
    found = closeness(t, g, g + 1e-5, b)
    assert torch.isnan(found.positions).all()
    assert math.isnan(found.position().value)
    assert math.isnan(found.alignment())
    assert not math.isnan(found.gaussian_share().value)


def test_batches_join_to_the_whole():
    t, g, m, b = four()
    whole = closeness(t, g, m, b)
    parts = [closeness(*(x[s] for x in (t, g, m, b))) for s in (slice(0, 2), slice(2, 6))]
    joined = Closeness.join(parts)
    assert joined.position() == whole.position()
    assert joined.gaussian_share() == whole.gaussian_share()
    with pytest.raises(InputError, match="join"):
        Closeness.join([])


def test_isotropic_is_the_mean_above_and_the_input_below():
    x, *_ = four()
    mean = torch.full((1, 3, 4), 0.2).double()
    far = isotropic(x, torch.tensor([1e9]), mean, 0.25)
    torch.testing.assert_close(far, mean.expand_as(x))
    torch.testing.assert_close(isotropic(x, torch.tensor([0.0]), mean, 0.25), x)
    middle = isotropic(x, torch.full((6,), 0.5), mean, 0.25)
    torch.testing.assert_close(middle, (x + mean) / 2)
    infinite = isotropic(x, torch.tensor([float("inf")]), mean, 0.25)
    torch.testing.assert_close(infinite, mean.expand_as(x))


def test_a_mean_picture_serves_as_baseline():
    t, g, m, _ = four()
    mean = t.mean(0)
    torch.testing.assert_close(
        closeness(t, g, m, mean).from_baseline, (t - mean).square().flatten(1).sum(1)
    )


def test_collapse_tells_a_memorizer_from_a_generalizer():
    """Held-out inputs at low sigma: a generalizer stays by x, a memorizer jumps to a picture."""
    clean, other, _, _ = four(n=50)
    g, m = clean + 0.05, other
    generalizer = closeness(clean, g, m, clean.mean(0))
    memorizer = closeness(0.95 * other + 0.05 * clean, g, m, clean.mean(0))
    assert abs(generalizer.position().value) < 0.1
    assert memorizer.position().value > 0.9
