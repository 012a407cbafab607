import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec, as_sigma
from denoscope.errors import InputError, RunError
from denoscope.images import open_images
from denoscope.metrics import Jacobian, jacobian_svd
from denoscope.networks import NetworkSettings, build_network

PICTURES = open_images("digits").split(300)[0]


def full(denoiser, x, sigma):
    level = as_sigma(sigma, x)
    return torch.func.jacrev(lambda y: denoiser(y[None], level)[0].flatten())(x).reshape(64, 64)


def point(sigma, dtype=torch.float64):
    eps = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return PICTURES.floats(torch.tensor([7]))[0].to(dtype) + sigma * eps


@pytest.mark.parametrize("sigma", [40.0, 2.0, 0.3])
def test_closed_forms_in_float64(sigma):
    """J = W for the Gaussian, Cov(x0 | x) / sigma^2 for the multi-delta."""
    x = point(sigma)
    gaussian = GaussianDenoiser.fit(PICTURES)
    delta = MultiDeltaDenoiser(PICTURES)
    # At 0.3 it has collapsed onto one picture: nothing is left of its Jacobian but rounding.
    for denoiser, k in ((gaussian, 12), (delta, 3))[: 2 if sigma > 1 else 1]:
        s = torch.linalg.svdvals(full(denoiser, x, sigma))
        found = jacobian_svd(Jacobian(denoiser, x, sigma), k, tol=1e-8)
        assert found.converged
        assert torch.allclose(found.s, s[:k], rtol=1e-6, atol=1e-9 * float(s[0]))
    lam = gaussian.eigenvalues
    found = jacobian_svd(Jacobian(gaussian, x, sigma), 12)
    assert torch.allclose(found.s, (lam / (lam + sigma**2))[:12], rtol=1e-8)


@pytest.mark.parametrize("arch", ["ddpmpp", "ncsnpp", "adm", "dit"])
def test_a_network_in_float32(arch):
    torch.manual_seed(1)
    settings = {"arch": arch, "shape": (1, 8, 8), "width": 8}
    if arch != "dit":
        settings |= {"multipliers": (1, 2), "blocks": 1, "dropout": 0.0}
    else:
        settings |= {"blocks": 1, "patch": 2}
    network = build_network(NetworkSettings(**settings)).eval().requires_grad_(False)
    for parameter in network.parameters():  # those that start at 0 hide most of the network
        parameter.normal_(std=0.15)
    denoiser = FunctionDenoiser(lambda x, s: network(x, s.reshape(-1)), Spec(arch, (1, 8, 8)))
    sigma, x = 1.0, point(1.0, torch.float32)
    jacobian = Jacobian(denoiser, x, sigma)
    found = jacobian_svd(jacobian, 8)
    whole = full(denoiser, x, sigma).double()
    assert found.converged
    assert torch.allclose(found.s, torch.linalg.svdvals(whole)[:8], rtol=1e-4)
    assert float((whole @ found.v - found.u * found.s).norm(dim=0).max()) < 1e-4 * float(found.s[0])
    assert jacobian.products == found.products


def test_a_cluster_is_found_whole():
    """Twelve equal singular values: every one of them, and their span."""
    basis = torch.linalg.qr(torch.randn(64, 64, dtype=torch.float64)).Q
    values = torch.cat([torch.full((12,), 2.0), torch.linspace(1, 0, 52)]).double()
    matrix = basis * values @ basis.T
    denoiser = FunctionDenoiser(
        lambda x, sigma: (x.flatten(1) @ matrix.to(x)).reshape(x.shape), Spec("l", (1, 8, 8))
    )
    found = jacobian_svd(Jacobian(denoiser, point(1.0), 1.0), 12)
    assert torch.allclose(found.s, torch.full((12,), 2.0, dtype=torch.float64), rtol=1e-9)
    outside = found.u - basis[:, :12] @ (basis[:, :12].T @ found.u)
    assert float(outside.norm()) < 1e-5


def linear(values, side, seed=0):
    """x -> A x of these singular values, its two bases unrelated."""
    generator = torch.Generator().manual_seed(seed)
    d = side * side
    u, v = (
        torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=generator)).Q
        for _ in range(2)
    )
    matrix = u * values @ v.T
    return FunctionDenoiser(
        lambda x, sigma: (x.flatten(1) @ matrix.to(x).T).reshape(x.shape),
        Spec("linear", (1, side, side)),
    )


@pytest.mark.parametrize("below", [0.5, 0.98])
def test_a_value_repeated_sixteen_times_is_found_sixteen_times(below):
    """Of which a start of two directions sees two: the others show in what is left outside."""
    values = torch.cat([torch.ones(16), below * torch.linspace(1, 0, 384)]).double()
    x = torch.zeros(1, 20, 20, dtype=torch.float64)
    found = jacobian_svd(Jacobian(linear(values, 20), x, 1.0), 16)
    assert found.converged
    assert torch.allclose(found.s, torch.ones(16).double(), rtol=1e-8)


def test_what_is_left_outside_the_bases_is_bounded():
    values = torch.logspace(0, -3, 400, dtype=torch.float64)
    x = torch.zeros(1, 20, 20, dtype=torch.float64)
    found = jacobian_svd(Jacobian(linear(values, 20), x, 1.0), 8)
    assert found.converged
    assert torch.allclose(found.s, values[:8], rtol=1e-8)
    assert 0 < found.missed <= 1e-3
    small = jacobian_svd(Jacobian(linear(values[:9], 3), x[:, :3, :3], 1.0), 8)
    assert small.missed == 0  # nothing is outside


def test_the_bound_is_what_random_directions_obey():
    """A value of 1 hidden among some of at most theta: how seldom steps from z miss it."""
    from denoscope.metrics.jacobian_svd import _missed

    d, steps = 400, 4
    generator = torch.Generator().manual_seed(0)
    squares = torch.cat([torch.ones(1), 0.1 * torch.rand(d - 1, generator=generator)]).double()
    told, tries = 0.0, 2000
    missed = 0
    for _ in range(tries):
        z = torch.randn(d, generator=generator).double()
        krylov = torch.stack([squares**power * z for power in range(steps)], dim=1)
        basis = torch.linalg.qr(krylov).Q
        theta = float(torch.linalg.eigvalsh(basis.T @ (squares[:, None] * basis))[-1]) ** 0.5
        if theta < 0.9:  # and so it would be said that 1 is not among them
            missed += 1
            told = max(told, _missed(theta, 1.0, steps, d))
    assert missed / tries <= max(told, 1e-2)
    assert _missed(0.3, 1.0, 8, d) < 1e-3 < _missed(0.3, 1.0, 2, d)


def test_what_did_not_converge_says_so():
    gaussian = GaussianDenoiser.fit(PICTURES)
    found = jacobian_svd(Jacobian(gaussian, point(0.05), 0.05), 8, tol=1e-12, most=20)
    assert not found.converged
    assert float(found.residuals.max()) > 1e-12


def test_a_denoiser_that_is_nought_or_one():
    nothing = FunctionDenoiser(lambda x, sigma: 0 * x, Spec("n", (1, 8, 8)))
    assert jacobian_svd(Jacobian(nothing, point(1.0), 1.0), 4).s.abs().max() == 0
    same = FunctionDenoiser(lambda x, sigma: x, Spec("s", (1, 8, 8)))
    assert torch.allclose(
        jacobian_svd(Jacobian(same, point(1.0), 1.0), 64).s, torch.ones(64).double()
    )


def test_what_cannot_be_asked():
    gaussian = GaussianDenoiser.fit(PICTURES)
    with pytest.raises(InputError, match="65 singular vectors asked of 64"):
        jacobian_svd(Jacobian(gaussian, point(1.0), 1.0), 65)
    with pytest.raises(InputError, match="give floats of one noisy picture"):
        Jacobian(gaussian, torch.zeros(2, 1, 8, 8), 1.0)
    broken = FunctionDenoiser(lambda x, sigma: x * float("nan"), Spec("b", (1, 8, 8)))
    with pytest.raises(RunError, match="the derivative at sigma 1 is NaN or infinite"):
        jacobian_svd(Jacobian(broken, point(1.0), 1.0))


def test_a_denoiser_that_does_not_look_has_no_derivative():
    blind = FunctionDenoiser(lambda x, sigma: torch.ones_like(x), Spec("blind", (1, 3, 3)))
    jacobian = Jacobian(blind, torch.randn(1, 3, 3), 1.0)
    vectors = torch.randn(9, 2, dtype=torch.float64)
    assert not jacobian.times(vectors).any()
    assert not jacobian.transposed_times(vectors).any()
