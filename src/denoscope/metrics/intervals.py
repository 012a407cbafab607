"""Intervals: seeded bootstrap for any statistic, Wilson and Newcombe for fractions.

A bootstrap of a fraction that counted none (or all) has no width: use `fraction_interval` there,
and `difference_of_fractions` for the excess over a control.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.statistics import Values, two_sided_z

__all__ = ["bootstrap_interval", "difference_of_fractions", "fraction_interval"]


def bootstrap_interval(
    values: Values,
    statistic: Callable[[Tensor], float | Tensor],
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Percentile interval of `statistic` over resampled pictures (Efron 1979).

    values: (n,) or (n, ...), one row a picture; rows are drawn with replacement, float64 into
    `statistic`, which returns one number. The same seed gives the same interval.

    >>> low, high = bootstrap_interval([0.0, 1.0, 2.0, 3.0], torch.mean, seed=0)
    >>> 0 <= low < 1.5 < high <= 3
    True
    """
    x = torch.as_tensor(values).detach().cpu().to(torch.float64)
    if x.ndim == 0 or len(x) == 0:
        raise InputError("no values to resample; give one row a picture")
    if resamples < 1:
        raise InputError(f"{resamples} resamples asked; give 1 or more, usually 2000")
    if not 0 < level < 1:
        raise InputError(f"level {level:g} given; give a probability, as 0.95")
    tail = (1 - level) / 2
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = np.empty(resamples)
    for i in range(resamples):
        index = torch.from_numpy(generator.integers(0, len(x), len(x)))
        drawn[i] = float(statistic(x[index]))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def fraction_interval(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a fraction count / n; it has width at 0 and at n.

        (p + z^2/2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n),   p = count / n

    Without a trial (n = 0) it is (0, 1).

    >>> [round(v, 4) for v in fraction_interval(0, 100)]
    [0.0, 0.037]
    """
    if not 0 <= count <= n:
        raise InputError(f"{count} of {n} counted; give 0 <= count <= n")
    if n == 0:
        return 0.0, 1.0
    z = two_sided_z(level)
    p = count / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if count == 0 else (middle - half) / scale
    high = 1.0 if count == n else (middle + half) / scale
    return low, high


def difference_of_fractions(
    count_a: int, n_a: int, count_b: int, n_b: int, level: float = 0.95
) -> tuple[float, float, float]:
    """(difference, low, high) of p_a - p_b for different pictures: Newcombe's hybrid interval.

        low  = D - sqrt((p_a - l_a)^2 + (u_b - p_b)^2)
        high = D + sqrt((u_a - p_a)^2 + (p_b - l_b)^2)

    with Wilson's l, u of each side (Newcombe 1998, method 10). It has width where both counts
    are 0. An empty side gives (nan, -1, 1).

    >>> [round(v, 4) for v in difference_of_fractions(56, 70, 48, 80)]
    [0.2, 0.0524, 0.3339]
    """
    low_a, high_a = fraction_interval(count_a, n_a, level)
    low_b, high_b = fraction_interval(count_b, n_b, level)
    if n_a == 0 or n_b == 0:
        return math.nan, -1.0, 1.0
    a, b = count_a / n_a, count_b / n_b
    difference = a - b
    return (
        difference,
        difference - math.hypot(a - low_a, high_b - b),
        difference + math.hypot(high_a - a, b - low_b),
    )
