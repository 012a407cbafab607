import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from denoscope.errors import InputError
from denoscope.metrics import (
    Estimate,
    Moments,
    bootstrap_interval,
    difference_of_fractions,
    difference_of_means,
    fraction_interval,
    paired_difference,
    ratio_of_means,
    ratio_of_sums,
    spearman,
)

values = st.lists(st.floats(-1e3, 1e3), max_size=20)


def sample(n, seed=0):
    return np.random.default_rng(seed).gamma(2.0, 1.5, n)


@given(values, values, values)
def test_moments_merge_in_any_grouping(a, b, c):
    one, two, three = Moments.of(a), Moments.of(b), Moments.of(c)
    whole = Moments.of(a + b + c)
    for merged in (
        one.merge(two).merge(three),
        one.merge(two.merge(three)),
        three.merge(two).merge(one),
    ):
        assert merged.n == whole.n
        assert math.isclose(merged.mean, whole.mean, rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(merged.m2, whole.m2, rel_tol=1e-9, abs_tol=1e-6)


def test_moments_against_numpy_and_far_from_zero():
    x = sample(200)
    moments = Moments.of(torch.from_numpy(x))
    assert math.isclose(moments.mean, x.mean())
    assert math.isclose(moments.variance, x.var(ddof=1))
    assert math.isclose(moments.se, stats.sem(x))
    shifted = Moments()
    for part in np.split(x + 1e8, 20):
        shifted = shifted.merge(Moments.of(torch.from_numpy(part)))
    assert math.isclose(shifted.variance, x.var(ddof=1), rel_tol=1e-6)


def test_too_few_values_have_no_error():
    assert math.isnan(Moments().estimate.value)
    assert math.isnan(Moments.of([1.0]).se)
    assert Moments.of([1.0]).estimate.value == 1.0
    assert math.isnan(Moments.of([1.0, float("nan")]).estimate.value)


def test_paired_and_unpaired_differences_against_t_tests():
    a, b = sample(50), sample(50, 1)
    paired = paired_difference(torch.from_numpy(a), torch.from_numpy(b))
    assert math.isclose(paired.value / paired.se, stats.ttest_rel(a, b).statistic)
    welch = difference_of_means(torch.from_numpy(a), torch.from_numpy(b[:30]))
    expected = stats.ttest_ind(a, b[:30], equal_var=False).statistic
    assert math.isclose(welch.value / welch.se, expected)
    assert (paired.n, welch.n) == (50, 30)
    correlated = paired_difference(torch.from_numpy(a + 0.1), torch.from_numpy(a))
    assert correlated.se < 1e-12
    with pytest.raises(InputError, match="same pictures"):
        paired_difference([1.0], [1.0, 2.0])


def test_estimate_interval():
    low, high = Estimate(1.0, 0.5, 10).interval(0.95)
    assert math.isclose(high - 1, 0.5 * stats.norm.ppf(0.975))
    assert math.isclose(1 - low, high - 1)
    with pytest.raises(InputError, match="level"):
        Estimate(1.0, 0.5, 10).interval(95.0)


def test_errors_of_ratios_agree_with_simulation():
    rng = np.random.default_rng(3)
    v = rng.gamma(4.0, 1.0, (4000, 60))
    u = 0.7 * v + rng.normal(0, 0.5, v.shape)
    ratios = [ratio_of_sums(torch.from_numpy(u[i]), torch.from_numpy(v[i])) for i in range(400)]
    spread = (u.sum(1) / v.sum(1)).std()
    assert math.isclose(np.mean([r.se for r in ratios]), spread, rel_tol=0.05)
    means = [
        ratio_of_means(torch.from_numpy(v[i]), torch.from_numpy(v[-1 - i])) for i in range(400)
    ]
    spread = (v[:2000].mean(1) / v[:1999:-1].mean(1)).std()
    assert math.isclose(np.mean([r.se for r in means]), spread, rel_tol=0.05)
    assert math.isclose(means[0].value, v[0].mean() / v[-1].mean())


def test_ratios_without_a_denominator_are_nan():
    assert math.isnan(ratio_of_sums([1.0, 2.0], [0.0, 0.0]).value)
    assert math.isnan(ratio_of_means([1.0], [0.0]).value)
    assert math.isnan(ratio_of_sums([], []).value)
    assert ratio_of_sums([1.0], [2.0]).value == 0.5
    with pytest.raises(InputError, match="same pictures"):
        ratio_of_sums([1.0], [1.0, 2.0])


def test_bootstrap_is_seeded_and_near_the_normal_interval():
    x = torch.from_numpy(sample(400))
    low, high = bootstrap_interval(x, torch.mean, seed=1)
    assert (low, high) == bootstrap_interval(x, torch.mean, seed=1)
    assert (low, high) != bootstrap_interval(x, torch.mean, seed=2)
    expected = Moments.of(x).estimate.interval()
    width = expected[1] - expected[0]
    assert abs(low - expected[0]) < 0.1 * width
    assert abs(high - expected[1]) < 0.1 * width
    narrow = bootstrap_interval(x, torch.mean, seed=1, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_bootstrap_resamples_whole_rows():
    rows = torch.from_numpy(np.stack([sample(50), 2 * sample(50)], axis=1))
    low, high = bootstrap_interval(rows, lambda r: r[:, 1].sum() / r[:, 0].sum(), seed=0)
    assert math.isclose(low, 2)
    assert math.isclose(high, 2)
    with pytest.raises(InputError, match="no values"):
        bootstrap_interval([], torch.mean, seed=0)
    with pytest.raises(InputError, match="level"):
        bootstrap_interval([1.0], torch.mean, seed=0, level=1.0)
    with pytest.raises(InputError, match="resamples"):
        bootstrap_interval([1.0], torch.mean, seed=0, resamples=0)


@pytest.mark.parametrize(("count", "n"), [(0, 1), (0, 100), (3, 10), (50, 100), (10, 10)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_fraction_interval_against_scipy(count, n, level):
    expected = stats.binomtest(count, n).proportion_ci(level, method="wilson")
    got = fraction_interval(count, n, level)
    torch.testing.assert_close(got, (expected.low, expected.high), atol=1e-12, rtol=1e-9)
    assert got[1] > got[0]


def test_fraction_interval_covers():
    n, p = 40, 0.05
    weights = stats.binom.pmf(np.arange(n + 1), n, p)
    inside = [low <= p <= high for low, high in (fraction_interval(c, n) for c in range(n + 1))]
    assert 0.92 < weights[inside].sum() <= 1


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
    ],
)
def test_difference_of_fractions_as_published(counts, low, high):
    got = difference_of_fractions(*counts)
    torch.testing.assert_close(got[1:], (low, high), atol=6e-5, rtol=0)
    assert math.isclose(got[0], counts[0] / counts[1] - counts[2] / counts[3])


def test_fractions_without_trials_and_impossible_ones():
    assert fraction_interval(0, 0) == (0.0, 1.0)
    assert difference_of_fractions(0, 0, 1, 2)[1:] == (-1.0, 1.0)
    for count, n in ((-1, 5), (6, 5)):
        with pytest.raises(InputError, match="counted"):
            fraction_interval(count, n)


@given(
    st.lists(
        st.tuples(st.integers(-5, 5), st.integers(-5, 5)).map(lambda p: (float(p[0]), float(p[1]))),
        min_size=2,
        max_size=15,
    ).filter(lambda p: len({a for a, _ in p}) > 1 and len({b for _, b in p}) > 1)
)
def test_spearman_against_scipy_with_ties(pairs):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    assert math.isclose(spearman(a, b), stats.spearmanr(a, b).statistic, abs_tol=1e-12)


def test_spearman_at_its_ends_and_edges():
    assert spearman([1.0, 2.0, 3.0], [1.0, 4.0, 9.0]) == 1
    assert spearman([1.0, 2.0, 3.0], [0.0, -4.0, -9.0]) == -1
    assert math.isnan(spearman([1.0, 1.0], [1.0, 2.0]))
    for a, b in (([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, float("nan")], [1.0, 2.0])):
        with pytest.raises(InputError):
            spearman(a, b)
