"""Measurements, one a file: tensors in, one float64 value a picture out, and their statistics.

To add one: one file here, one test file, one line below.
"""

from denoscope.metrics.closeness import Closeness, closeness, isotropic
from denoscope.metrics.denoising_error import psnr, rmse
from denoscope.metrics.gl_pixel import gl_pixel
from denoscope.metrics.intervals import (
    bootstrap_interval,
    difference_of_fractions,
    fraction_interval,
)
from denoscope.metrics.jacobian import Jacobian
from denoscope.metrics.jacobian_probes import jacobian_asymmetry, jacobian_trace
from denoscope.metrics.jacobian_svd import JacobianSVD, jacobian_svd
from denoscope.metrics.linearity import linearity_cosine, linearity_norm_ratio, mix
from denoscope.metrics.memorization import COPY_RATIO, Memorization, memorization
from denoscope.metrics.nearest import Nearest, nearest
from denoscope.metrics.rank_correlation import spearman
from denoscope.metrics.score_error import score_error, score_error_norm_ratio
from denoscope.metrics.statistics import (
    Estimate,
    Moments,
    difference_of_means,
    paired_difference,
    ratio_of_means,
    ratio_of_sums,
)

__all__ = [
    "COPY_RATIO",
    "Closeness",
    "Estimate",
    "Jacobian",
    "JacobianSVD",
    "Memorization",
    "Moments",
    "Nearest",
    "bootstrap_interval",
    "closeness",
    "difference_of_fractions",
    "difference_of_means",
    "fraction_interval",
    "gl_pixel",
    "isotropic",
    "jacobian_asymmetry",
    "jacobian_svd",
    "jacobian_trace",
    "linearity_cosine",
    "linearity_norm_ratio",
    "memorization",
    "mix",
    "nearest",
    "paired_difference",
    "psnr",
    "ratio_of_means",
    "ratio_of_sums",
    "rmse",
    "score_error",
    "score_error_norm_ratio",
    "spearman",
]
