import pytest
import torch

from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError
from denoscope.images import open_images
from denoscope.metrics import Jacobian, jacobian_asymmetry, jacobian_trace

SHAPE = (1, 4, 4)


def linear(matrix):
    def apply(x, sigma):
        return (x.flatten(1) @ matrix.T.to(x)).reshape(x.shape)

    return Jacobian(FunctionDenoiser(apply, Spec("linear", SHAPE)), torch.zeros(SHAPE), 1.0)


def some_matrix(seed=0):
    return torch.randn(16, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_exact_where_there_are_as_many_probes_as_pixels():
    matrix = some_matrix()
    trace = jacobian_trace(linear(matrix), probes=16)
    assert (trace.se, trace.n) == (0.0, 16)
    assert trace.value == pytest.approx(float(matrix.trace()) / 16, abs=1e-6)
    asymmetry = jacobian_asymmetry(linear(matrix), probes=16)
    expected = float((matrix - matrix.T).norm() / matrix.norm())
    assert asymmetry.value == pytest.approx(expected, rel=1e-5)
    assert jacobian_asymmetry(linear(matrix + matrix.T)).value < 1e-6


def test_probes_err_by_as_much_as_they_say():
    matrix = some_matrix()
    truth = float(matrix.trace()) / 16
    found = [jacobian_trace(linear(matrix), probes=12, seed=seed) for seed in range(60)]
    off = torch.tensor([(one.value - truth) / one.se for one in found])
    assert 0.8 < float(off.square().mean().sqrt()) < 1.6
    expected = float((matrix - matrix.T).norm() / matrix.norm())
    found = [jacobian_asymmetry(linear(matrix), probes=12, seed=seed) for seed in range(60)]
    off = torch.tensor([(one.value - expected) / one.se for one in found])
    assert 0.7 < float(off.square().mean().sqrt()) < 1.7


def test_a_gaussian_denoiser_s_trace():
    gaussian = GaussianDenoiser.fit(open_images("digits").split(300)[0])
    lam, sigma = gaussian.eigenvalues, 0.5
    jacobian = Jacobian(gaussian, torch.zeros(gaussian.spec.shape, dtype=torch.float64), sigma)
    assert jacobian_trace(jacobian, probes=64).value == pytest.approx(
        float((lam / (lam + sigma**2)).sum()) / 64
    )


def test_one_probe_has_no_error_to_tell():
    with pytest.raises(InputError, match="1 probes asked; give 2 or more"):
        jacobian_trace(linear(some_matrix()), probes=1)
