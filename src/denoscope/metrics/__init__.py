"""Measurements, one a file: tensors in, one float64 value a picture out, and their statistics.

To add one: one file here, one test file, one line below.
"""

from denoscope.metrics.alignment import (
    cluster_angles,
    clusters,
    principal_angles,
    subspace_overlap,
    vector_correlation,
)
from denoscope.metrics.closeness import Closeness, closeness, isotropic
from denoscope.metrics.denoising_error import psnr, rmse
from denoscope.metrics.gl_pixel import gl_pixel
from denoscope.metrics.identity import identity_cosine, identity_difference
from denoscope.metrics.intervals import (
    bootstrap_interval,
    difference_of_fractions,
    fraction_interval,
)
from denoscope.metrics.jacobian import Jacobian
from denoscope.metrics.jacobian_probes import jacobian_asymmetry, jacobian_trace
from denoscope.metrics.jacobian_svd import JacobianSVD, jacobian_svd
from denoscope.metrics.linearity import linearity_cosine, linearity_norm_ratio, mix
from denoscope.metrics.linearity_sweep import ALPHAS, LinearitySweep, linearity_sweep
from denoscope.metrics.memorization import COPY_RATIO, Memorization, memorization
from denoscope.metrics.nearest import Nearest, nearest
from denoscope.metrics.orthogonality import Orthogonality, orthogonality
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
from denoscope.metrics.twins import TwinSimilarity, twin_similarity
from denoscope.metrics.weights import (
    singular_value_error,
    symmetry_defect,
    weight_difference,
    weight_norm_ratio,
)

__all__ = [
    "ALPHAS",
    "COPY_RATIO",
    "Closeness",
    "Estimate",
    "Jacobian",
    "JacobianSVD",
    "LinearitySweep",
    "Memorization",
    "Moments",
    "Nearest",
    "Orthogonality",
    "TwinSimilarity",
    "bootstrap_interval",
    "closeness",
    "cluster_angles",
    "clusters",
    "difference_of_fractions",
    "difference_of_means",
    "fraction_interval",
    "gl_pixel",
    "identity_cosine",
    "identity_difference",
    "isotropic",
    "jacobian_asymmetry",
    "jacobian_svd",
    "jacobian_trace",
    "linearity_cosine",
    "linearity_norm_ratio",
    "linearity_sweep",
    "memorization",
    "mix",
    "nearest",
    "orthogonality",
    "paired_difference",
    "principal_angles",
    "psnr",
    "ratio_of_means",
    "ratio_of_sums",
    "rmse",
    "score_error",
    "score_error_norm_ratio",
    "singular_value_error",
    "spearman",
    "subspace_overlap",
    "symmetry_defect",
    "twin_similarity",
    "vector_correlation",
    "weight_difference",
    "weight_norm_ratio",
]
