"""Means with their errors: from per-picture values to what a table or a verdict says.

Standard errors are over pictures (draws of the inputs), with the training set and the network held
fixed. Values of one picture at several levels share their noise: errors are correlated across
levels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.errors import InputError

__all__ = [
    "Estimate",
    "Moments",
    "column",
    "difference_of_means",
    "paired_difference",
    "ratio_of_means",
    "ratio_of_sums",
    "two_sided_z",
]

Values = Tensor | Sequence[float | int]


def column(values: Values) -> Tensor:
    """Values of pictures as float64 (n,) on the CPU; InputError for any other shape."""
    out = torch.as_tensor(values).detach().cpu().to(torch.float64)
    if out.ndim != 1:
        raise InputError(f"values have shape {tuple(out.shape)}; give (n,), one a picture")
    return out


def two_sided_z(level: float) -> float:
    """The z with P(|Z| < z) = level for standard normal Z; InputError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise InputError(f"level {level:g} given; give a probability, as 0.95")
    return float(torch.special.ndtri(torch.tensor(0.5 + level / 2, dtype=torch.float64)))


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error (NaN where n is too small to tell) and its count."""

    value: float
    se: float
    n: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """value -+ z se, for a two-sided normal interval."""
        z = two_sided_z(level)
        return self.value - z * self.se, self.value + z * self.se


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations: what merges, batch by batch or run by run.

        merge:  delta = mean_b - mean_a,  mean = mean_a + delta n_b / n,
                m2 = m2_a + m2_b + delta^2 n_a n_b / n                  (Chan et al. 1979)

    Associative and commutative up to rounding. `Moments()` is the neutral element. NaN stays NaN.

    >>> a, b = Moments.of([1.0, 2.0]), Moments.of([6.0])
    >>> a.merge(b).mean, a.merge(b).variance
    (3.0, 7.0)
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    @staticmethod
    def of(values: Values) -> "Moments":
        """Moments of per-picture values (n,)."""
        x = column(values)
        if len(x) == 0:
            return Moments()
        mean = x.mean()
        return Moments(len(x), float(mean), float((x - mean).square().sum()))

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both sets of values together."""
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        delta = other.mean - self.mean
        mean = self.mean + delta * other.n / n
        return Moments(n, mean, self.m2 + other.m2 + delta * delta * self.n * other.n / n)

    @property
    def variance(self) -> float:
        """m2 / (n - 1); NaN below two values."""
        return self.m2 / (self.n - 1) if self.n > 1 else math.nan

    @property
    def se(self) -> float:
        """Standard error of the mean, sqrt(variance / n); NaN below two values."""
        return math.sqrt(self.variance / self.n) if self.n > 1 else math.nan

    @property
    def estimate(self) -> Estimate:
        """Mean and standard error; NaN without values."""
        return Estimate(self.mean if self.n else math.nan, self.se, self.n)


def paired_difference(a: Values, b: Values) -> Estimate:
    """Mean of a_i - b_i with the standard error of these differences; the same pictures in both.

    >>> e = paired_difference([1.0, 2.0, 4.0], [0.0, 1.0, 3.0])
    >>> e.value, e.se
    (1.0, 0.0)
    """
    a, b = column(a), column(b)
    if len(a) != len(b):
        raise InputError(f"{len(a)} and {len(b)} values paired; give the same pictures in both")
    return Moments.of(a - b).estimate


def difference_of_means(a: Values, b: Values) -> Estimate:
    """mean(a) - mean(b) for different pictures: se^2 = se_a^2 + se_b^2 (Welch).

    n is that of the smaller side.
    """
    one, two = Moments.of(a), Moments.of(b)
    value = one.estimate.value - two.estimate.value
    return Estimate(value, math.hypot(one.se, two.se), min(one.n, two.n))


def ratio_of_sums(numerator: Values, denominator: Values) -> Estimate:
    """R = sum(u) / sum(v) over the same pictures, with the linearised standard error

        se^2 = sum (u_i - R v_i)^2 / ((n - 1) n mean(v)^2)                   (Cochran 1977, 6.13).

    NaN where the denominators sum to 0.
    """
    u, v = column(numerator), column(denominator)
    if len(u) != len(v):
        raise InputError(f"{len(u)} numerators over {len(v)} denominators; give the same pictures")
    n, total = len(u), float(v.sum())
    if n == 0 or total == 0:
        return Estimate(math.nan, math.nan, n)
    ratio = float(u.sum()) / total
    if n == 1:
        return Estimate(ratio, math.nan, n)
    spread = float((u - ratio * v).square().sum()) / (n - 1)
    return Estimate(ratio, math.sqrt(spread / n) / abs(total / n), n)


def ratio_of_means(a: Values, b: Values) -> Estimate:
    """mean(a) / mean(b) for different pictures, se by the delta method; as GL over its control.

    (se / R)^2 = (se_a / mean_a)^2 + (se_b / mean_b)^2,   NaN where mean(b) = 0.
    """
    one, two = Moments.of(a), Moments.of(b)
    n = min(one.n, two.n)
    if n == 0 or two.mean == 0:
        return Estimate(math.nan, math.nan, n)
    ratio = one.mean / two.mean
    return Estimate(ratio, math.hypot(one.se, ratio * two.se) / abs(two.mean), n)
