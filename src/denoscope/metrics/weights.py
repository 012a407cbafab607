"""The matrix of a linear denoiser D(x) = W x + b against the Gaussian's (Li et al. 2024, App. C).

The Gaussian denoiser has W_G = U diag(lam / (lam + sigma^2)) U^T: symmetric, with singular values
lam / (lam + sigma^2) and the data's principal components as left and right singular vectors
(`vector_correlation` and `cluster_angles` compare these).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.errors import InputError

__all__ = [
    "singular_value_error",
    "symmetry_defect",
    "weight_difference",
    "weight_norm_ratio",
]

Matrix = Float[Tensor, "d d"]


def weight_difference(w: Matrix, reference: Matrix) -> float:
    """||W - R||_F^2 / ||R||_F^2, from 0 up: the paper's normalized MSE (figs 4 and 22). 1 for W = 0.

    w, reference: (d, d). NaN or infinite where the reference is 0. Source: Li et al. 2024, whose
    formula is not printed; this one starts at 1 for W = 0, as their curves do.

    >>> weight_difference(torch.zeros(2, 2), torch.eye(2))
    1.0
    """
    return weight_norm_ratio(w, reference) ** 2


def weight_norm_ratio(w: Matrix, reference: Matrix) -> float:
    """||W - R||_F / ||R||_F, from 0 up: the same without the squares."""
    w, reference = _matrices(w, reference)
    return float((w - reference).norm() / reference.norm())


def symmetry_defect(w: Matrix) -> float:
    """||W - W^T||_F / ||W||_F, in [0, 2] (fig. 14a): 0 symmetric, sqrt(2) for unrelated entries.

    NaN for W = 0.

    >>> symmetry_defect(torch.tensor([[0.0, 1.0], [-1.0, 0.0]]))
    2.0
    """
    (w,) = _matrices(w)
    return float((w - w.T).norm() / w.norm())


def singular_value_error(values: Tensor, eigenvalues: Tensor, sigma: float) -> Tensor:
    """(s_k - g_k) / g_k with g_k = lam_k / (lam_k + sigma^2), float64 (k,), signed (fig. 14b).

    values: (k,), singular values of W, from large to small. eigenvalues: (r,), the data's variances
    from large to small, r >= k (`GaussianDenoiser.eigenvalues`). Infinite (or NaN) where lam_k = 0.

    >>> singular_value_error(torch.tensor([0.5]), torch.tensor([1.0, 0.1]), sigma=1.0)
    tensor([0.], dtype=torch.float64)
    """
    if values.ndim != 1 or eigenvalues.ndim != 1 or len(values) > len(eigenvalues):
        raise InputError(
            f"singular values {tuple(values.shape)}, eigenvalues {tuple(eigenvalues.shape)}; give "
            "(k,) and at least as many"
        )
    s, lam = (part.detach().to(torch.float64) for part in (values, eigenvalues))
    expected = (lam / (lam + sigma**2))[: len(s)]
    return (s - expected) / expected


def _matrices(*matrices: Tensor) -> tuple[Tensor, ...]:
    """In float64, after checking that they are square and of one size."""
    shapes = {tuple(one.shape) for one in matrices}
    if len(shapes) != 1 or matrices[0].ndim != 2 or matrices[0].shape[0] != matrices[0].shape[1]:
        given = ", ".join(str(tuple(one.shape)) for one in matrices)
        raise InputError(f"matrices of shapes {given}; give (d, d)")
    return tuple(one.detach().to(torch.float64) for one in matrices)
