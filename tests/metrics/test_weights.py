"""The matrix of a linear denoiser against numpy and against the Gaussian's own."""

import math

import numpy as np
import pytest
import torch

from denoscope.closed_form import GaussianDenoiser
from denoscope.errors import InputError
from denoscope.metrics import (
    cluster_angles,
    singular_value_error,
    symmetry_defect,
    vector_correlation,
    weight_difference,
    weight_norm_ratio,
)


def matrices(d=6):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(d, d, generator=generator, dtype=torch.float64) for _ in range(2)]


def test_against_numpy():
    w, r = matrices()
    a, b = w.numpy(), r.numpy()
    squared = np.sum((a - b) ** 2) / np.sum(b**2)
    assert weight_difference(w, r) == pytest.approx(squared)
    assert weight_norm_ratio(w, r) == pytest.approx(math.sqrt(squared))
    expected = np.sqrt(np.sum((a - a.T) ** 2) / np.sum(a**2))
    assert symmetry_defect(w) == pytest.approx(expected)


def test_limits():
    w, r = matrices()
    assert weight_difference(w, w) == 0.0
    assert weight_difference(0 * w, r) == weight_norm_ratio(0 * w, r) == 1.0
    assert symmetry_defect(w + w.T) == 0.0
    assert symmetry_defect(w - w.T) == pytest.approx(2.0)
    assert math.isnan(symmetry_defect(0 * w))
    wide = torch.randn(400, 400, generator=torch.Generator().manual_seed(0))
    assert symmetry_defect(wide) == pytest.approx(math.sqrt(2), rel=0.01)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 20.0])
def test_the_gaussian_s_own_matrix_is_right_in_every_respect(few_digits, sigma):
    gaussian = GaussianDenoiser.fit(few_digits[0])
    w = gaussian.matrix(sigma)
    u, s, _ = torch.linalg.svd(w)
    k, lam = 20, gaussian.eigenvalues
    assert symmetry_defect(w) < 1e-12
    assert singular_value_error(s[:k], lam, sigma).abs().max() < 1e-9
    assert (
        cluster_angles(u[:, :k], gaussian.eigenvectors[:, :k], lam / (lam + sigma**2)).max() < 1e-6
    )
    assert vector_correlation(u[:, :3], gaussian.eigenvectors[:, :3]).diagonal().min() > 1 - 1e-9


def test_errors_of_singular_values_have_signs():
    error = singular_value_error(torch.tensor([0.75, 0.25]), torch.tensor([4.0, 4.0, 1.0]), 2.0)
    torch.testing.assert_close(error, torch.tensor([0.5, -0.5]).double())
    assert singular_value_error(torch.tensor([0.5]), torch.tensor([0.0]), 1.0).isinf().all()


def test_bad_input():
    w, r = matrices()
    with pytest.raises(InputError, match="give \\(d, d\\)"):
        weight_difference(w, r[:5])
    with pytest.raises(InputError, match="give \\(d, d\\)"):
        symmetry_defect(w[:5])
    with pytest.raises(InputError, match="at least as many"):
        singular_value_error(torch.ones(3), torch.ones(2), 1.0)
