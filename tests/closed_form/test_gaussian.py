"""The Gaussian denoiser against a dense inverse, and the facts that follow from eq. 6."""

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, Moments, MultiDeltaDenoiser
from denoscope.errors import InputError
from denoscope.images import GaussianPictures, Pictures
from denoscope.noise import karras_levels, noise
from oracles import gaussian_denoiser, mean_and_covariance, multi_delta_denoiser

LEVELS = torch.tensor([0.002, 0.02, 0.3, 1.5, 20.0, 80.0], dtype=torch.float64)
INFINITY = torch.tensor([float("inf")])
ZERO = torch.tensor([0.0])


def noisy(pictures: Pictures, sigma: torch.Tensor, n: int = 6) -> torch.Tensor:
    eps = noise(range(n), pictures.shape, seed=0, stream="test").double()
    return pictures.floats(range(n)).double() + sigma.reshape(-1, 1, 1, 1) * eps


def constant_edges(pictures: Pictures) -> Pictures:
    """The same with a frame of zero variance."""
    pixels = pictures.pixels.clone()
    pixels[:, :, 0], pixels[:, :, :, -1] = 17, 255
    return Pictures.from_tensor(pixels)


@pytest.mark.parametrize("n", [500, 64, 20, 2, 1])
@pytest.mark.parametrize("prepare", [lambda p: p, constant_edges])
def test_equals_the_dense_inverse(digits, n, prepare):
    data = prepare(digits.take(range(n)))
    x = noisy(digits.take(range(600, 606)), LEVELS)
    denoiser = GaussianDenoiser.fit(data)
    expected = gaussian_denoiser(data.pixels, x, LEVELS)
    # The dense inverse itself loses about eps * largest variance / sigma^2 at low noise.
    torch.testing.assert_close(denoiser(x, LEVELS), expected, rtol=0, atol=1e-8)
    single = denoiser(x.float(), LEVELS)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", [500, 30])
def test_latents_in_any_float_give_the_same_fit(digits, n):
    data = digits.take(range(n))
    values = (
        data.pixels.double() / 127.5 - 1
    ) * 3 + 100  # far from zero: the mean must not eat the variance
    from_double = GaussianDenoiser.fit(values)
    scaled = GaussianDenoiser.fit(Pictures.from_latents(values.float() / 4, scale=4.0))
    exact = GaussianDenoiser.fit(data)
    for fit, tolerance in ((from_double, 1e-10), (scaled, 1e-4)):
        torch.testing.assert_close(fit.mean, 3 * exact.mean + 100, rtol=0, atol=tolerance)
        torch.testing.assert_close(
            fit.eigenvalues[: exact.rank], 9 * exact.eigenvalues, rtol=tolerance, atol=tolerance
        )
    assert from_double.rank == exact.rank


@pytest.mark.parametrize("n", [500, 40])  # through the d x d and the N x N problem
def test_moments_are_those_of_the_definition_and_1_over_n(digits, n):
    data = digits.take(range(n))
    fit = GaussianDenoiser.fit(data)
    mean, covariance = mean_and_covariance(data.pixels)
    torch.testing.assert_close(fit.mean.flatten(), mean, rtol=0, atol=1e-14)
    u, lam = fit.eigenvectors, fit.eigenvalues
    torch.testing.assert_close((u * lam) @ u.T, covariance, rtol=0, atol=1e-13)
    torch.testing.assert_close(u.T @ u, torch.eye(fit.rank).double(), rtol=0, atol=1e-12)
    assert torch.equal(lam, lam.sort(descending=True).values)


@pytest.mark.parametrize("n", [500, 40])
def test_same_bits_in_any_order(digits, n):
    data = digits.take(range(n))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    one, two = GaussianDenoiser.fit(data), GaussianDenoiser.fit(data.take(order))
    assert torch.equal(one.mean, two.mean)
    assert torch.equal(one.eigenvalues, two.eigenvalues)
    assert torch.equal(one.eigenvectors, two.eigenvectors)


def test_rank_counts_what_the_data_span(digits):
    assert GaussianDenoiser.fit(digits.take(range(1))).rank == 0
    assert GaussianDenoiser.fit(digits.take([5] * 12)).rank == 0
    assert GaussianDenoiser.fit(digits.take([*range(12)] * 3)).rank == 11
    assert GaussianDenoiser.fit(digits.take([*range(12)] * 30)).rank == 11  # N > d
    identical = digits.floats([5] * 12).double() / 3  # the mean of equal floats rounds
    assert GaussianDenoiser.fit(identical).rank == 0
    assert GaussianDenoiser.fit(identical.repeat(20, 1, 1, 1)).rank == 0
    assert GaussianDenoiser.fit(constant_edges(digits)).rank <= 49


def test_both_eigenproblems_give_the_same_denoiser(digits):
    """Each picture twice: the same moments, through N x N once and through d x d the other time."""
    data = digits.take(range(40))
    dual, primal = GaussianDenoiser.fit(data), GaussianDenoiser.fit(data.take([*range(40)] * 2))
    torch.testing.assert_close(dual.eigenvalues, primal.eigenvalues, rtol=1e-10, atol=1e-14)
    for sigma in (0.0, 0.01, 1.0):
        torch.testing.assert_close(dual.matrix(sigma), primal.matrix(sigma), rtol=0, atol=1e-10)


def test_limits(few_digits):
    train, held_out = few_digits
    denoiser = GaussianDenoiser.fit(train.take(range(20)))
    x = noisy(held_out, torch.ones(6).double())
    mean = denoiser.mean.expand_as(x)
    torch.testing.assert_close(denoiser(x, INFINITY), mean, rtol=0, atol=0)
    u = denoiser.eigenvectors
    projected = mean + ((x - mean).flatten(1) @ u @ u.T).reshape(x.shape)
    torch.testing.assert_close(denoiser(x, ZERO), projected)
    torch.testing.assert_close(denoiser(denoiser(x, ZERO), ZERO), projected)  # a projection
    mixed = denoiser(x[:2], torch.tensor([0.0, float("inf")]))
    torch.testing.assert_close(mixed, torch.stack([projected[0], mean[1]]))
    only = GaussianDenoiser.fit(train.take([3]))
    for sigma in (ZERO, torch.ones(1), INFINITY):
        torch.testing.assert_close(
            only(x, sigma), train.floats([3]).double().expand_as(x), rtol=0, atol=1e-7
        )


def test_low_noise_gap_is_what_the_training_pictures_do_not_span(digits):
    """At sigma -> 0 nothing is lost of training pictures, of others the rest is."""
    train, held_out = digits.take(range(30)), digits.take(range(100, 140))
    denoiser = GaussianDenoiser.fit(train)
    y = train.floats().double()
    torch.testing.assert_close(denoiser(y, ZERO), y, rtol=0, atol=1e-6)
    z = held_out.floats().double()
    u = denoiser.eigenvectors
    away = (z - denoiser.mean).flatten(1)
    outside = away.square().sum(1) - (away @ u).square().sum(1)
    gap = (denoiser(z, ZERO) - z).flatten(1).square().mean(1).sqrt()
    torch.testing.assert_close(gap, (outside / 64).sqrt(), rtol=1e-6, atol=1e-6)
    assert float(gap.mean()) > 0.1
    low = denoiser(z, torch.tensor([1e-4]))
    torch.testing.assert_close(low, denoiser(z, ZERO), rtol=0, atol=1e-3)


def test_matrix_and_bias_are_the_map(few_digits):
    denoiser = GaussianDenoiser.fit(few_digits[0])
    x = noisy(few_digits[1], torch.full((6,), 0.4).double())
    for sigma in (0.0, 0.4, 80.0, float("inf")):
        by_matrix = x.flatten(1) @ denoiser.matrix(sigma).T + denoiser.bias(sigma)
        called = denoiser(x, torch.tensor([sigma]))
        torch.testing.assert_close(called.flatten(1), by_matrix)
    w = denoiser.matrix(0.4)
    torch.testing.assert_close(w, w.T)
    jacobian = torch.func.jacrev(lambda at: denoiser(at, torch.tensor([0.4])))(x[:1])
    torch.testing.assert_close(jacobian.reshape(64, 64), w, rtol=1e-6, atol=1e-7)


def test_equals_the_exact_denoiser_of_a_gaussian():
    """Fed the true moments it is the posterior mean that images.synthetic knows by another road."""
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(16, 16, generator=generator, dtype=torch.float64) / 4
    source = GaussianPictures(torch.full((1, 4, 4), 0.2), factor @ factor.T)
    lam, u = torch.linalg.eigh(source.covariance)
    denoiser = GaussianDenoiser(source.mean, lam, u)
    sigma = karras_levels(7)
    x = noisy(source.sample(7), sigma, 7)
    torch.testing.assert_close(denoiser(x, sigma), source.denoiser()(x, sigma), rtol=0, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0])
def test_distilling_the_multi_delta_on_its_own_data_gives_the_wiener_filter(digits, sigma):
    """The tower property: Cov(D_M(x), x) (Sigma + sigma^2 I)^-1 = W of eq. 6.

    Cov(D_M(x), x) = Cov(E[x0 | x], x) = Cov(x0, x) for x0 uniform on the data. The left side by Monte
    Carlo, 2,000 antithetic pairs of eps for each of 12 pictures, the right in closed form.
    """
    data = digits.take(range(12)).pixels[:, :, 2:5, 3:6].contiguous()
    delta, gaussian = MultiDeltaDenoiser(data), GaussianDenoiser.fit(data)
    y = data.double() / 127.5 - 1
    half = noise(range(2000), (12, *y.shape[1:]), seed=0, stream="tower").double()
    eps = torch.cat([half, -half])
    x = (y + sigma * eps).flatten(0, 1)
    out = delta(x, torch.tensor([sigma])).flatten(1)
    mean, covariance = mean_and_covariance(data)
    flat = x.flatten(1)
    cross = (out - mean).T @ (flat - mean) / len(flat)
    w = cross @ torch.linalg.inv(covariance + sigma**2 * torch.eye(9).double())
    expected = gaussian.matrix(sigma)
    # 48,000 draws: the relative error of such averages is about 1 %.
    assert float((w - expected).norm() / expected.norm()) < 0.02
    torch.testing.assert_close(out.mean(0), mean, rtol=0, atol=0.01)
    # It is no identity of the method: on other pictures the same regression ends elsewhere.
    others = digits.take(range(500, 512)).pixels[:, :, 2:5, 3:6].double() / 127.5 - 1
    x = (others + sigma * eps).flatten(0, 1)
    elsewhere = (
        torch.linalg.lstsq(
            torch.cat([x.flatten(1), torch.ones(len(x), 1).double()], 1),
            delta(x, torch.tensor([sigma])).flatten(1),
        )
        .solution[:9]
        .T
    )
    assert float((elsewhere - expected).norm() / expected.norm()) > 0.04
    torch.testing.assert_close(
        delta(x[:5], torch.tensor([sigma])),
        multi_delta_denoiser(data, x[:5], torch.tensor([sigma])),
    )


@pytest.mark.parametrize(
    "bad",
    [
        torch.zeros(3, 4, 4, dtype=torch.uint8),
        torch.zeros(0, 1, 4, 4, dtype=torch.uint8),
        torch.zeros(3, 1, 4, 4, dtype=torch.int64),
        torch.full((3, 1, 4, 4), float("nan")),
    ],
)
@pytest.mark.parametrize("make", [GaussianDenoiser.fit, MultiDeltaDenoiser])
def test_refuses_what_is_no_data(make, bad):
    with pytest.raises(InputError, match="give"):
        make(bad)


def test_refuses_parts_that_do_not_fit():
    mean, lam, u = torch.zeros(1, 2, 2), torch.ones(3), torch.eye(4)[:, :3]
    GaussianDenoiser(mean, lam, u)
    for parts in (
        (mean[0], lam, u),
        (mean, lam[:2], u),
        (mean, torch.zeros(3), u),
        (mean, lam * float("nan"), u),
    ):
        with pytest.raises(InputError):
            GaussianDenoiser(*parts)


def test_name_and_device(few_digits):
    denoiser = GaussianDenoiser.fit(few_digits[0], name="twin")
    assert denoiser.spec.name == "twin"
    moved = denoiser.to("cpu")
    assert moved.spec == denoiser.spec
    assert torch.equal(moved.eigenvectors, denoiser.eigenvectors)


def test_moments_of_parts_add_up_to_the_last_bit(digits):
    whole = GaussianDenoiser.fit(digits)
    for sizes in ([1797], [1, 5, 791, 1000], [900, 897]):
        parts = [Moments.of(Pictures.from_tensor(p)) for p in digits.pixels.split(sizes)]
        for order in (parts, parts[::-1]):
            merged = order[0]
            for part in order[1:]:
                merged = merged + part
            fit = GaussianDenoiser.of_moments(merged)
            assert merged.count == 1797
            assert torch.equal(fit.mean, whole.mean)
            assert torch.equal(fit.eigenvalues, whole.eigenvalues)
            assert torch.equal(fit.eigenvectors, whole.eigenvectors)
    with pytest.raises(InputError, match="give one shape"):
        _ = parts[0] + Moments.of(digits.pixels[:3, :, 1:])
    for bad in (digits.pixels[:0], digits.pixels[0], digits.floats([0])):
        with pytest.raises(InputError, match=r"give|takes"):
            Moments.of(bad)


def test_moments_of_more_pictures_than_int64_holds_are_rounded_once(digits):
    exact = Moments.of(digits)
    many = Moments(exact.count * 10**5, exact.total * 10**5, exact.products * 10**5, exact.shape)
    torch.testing.assert_close(many.covariance(), exact.covariance(), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("n", [1797, 100])
@pytest.mark.parametrize("latents", [False, True])
def test_leading_directions_are_those_of_the_whole_fit(n, latents):
    """Pictures whose spectrum falls as that of photographs does, d = 192."""
    generator = torch.Generator().manual_seed(0)
    spectrum = 60 / torch.arange(1, 193).double()
    axes = torch.linalg.qr(torch.randn(192, 192, generator=generator).double()).Q
    values = 128 + torch.randn(n, 192, generator=generator).double() * spectrum @ axes.T
    pixels = values.round().clamp(0, 255).to(torch.uint8).reshape(n, 3, 8, 8)
    data = pixels.double() / 127.5 - 1 if latents else pixels
    whole, cut = GaussianDenoiser.fit(data), GaussianDenoiser.fit(data, rank=12)
    assert cut.rank == 12
    assert cut.truncation is not None
    largest = float(whole.eigenvalues[0])
    off = (cut.eigenvalues - whole.eigenvalues[:12]).abs()
    assert bool((off <= cut.truncation.residuals + 1e-6 * largest).all())
    assert float(cut.truncation.residuals.max()) <= 1e-4 * largest
    left = float(whole.eigenvalues[12:].sum())
    assert cut.truncation.variance == pytest.approx(left, rel=1e-4)
    # what it says a truncated denoiser costs, on the data themselves
    sigma = torch.tensor([0.3]).double()
    x = (pixels.double() / 127.5 - 1)[:100]
    cost = (cut(x, sigma) - whole(x, sigma)).flatten(1).square().sum(1).mean()
    bound = left * float(cut.eigenvalues[-1]) / (float(cut.eigenvalues[-1]) + 0.09)
    assert float(cost) <= 2 * bound  # the bound is a mean over noisy data; these are clean
    small = GaussianDenoiser.fit(data, rank=180)
    torch.testing.assert_close(small.eigenvalues, whole.eigenvalues[:180])
    assert small.to("cpu").truncation is small.truncation
    with pytest.raises(InputError, match="give 1 or more"):
        GaussianDenoiser.fit(data, rank=0)


def test_leading_directions_of_repeated_variances_settle():
    """Five directions of one variance, and a tail so flat that a power iteration would not settle."""
    generator = torch.Generator().manual_seed(1)
    variances = torch.cat([torch.full((5,), 9.0), 1 + torch.linspace(1, 0, 295)]).double()
    axes = torch.linalg.qr(torch.randn(300, 300, generator=generator).double()).Q
    draws = torch.linalg.qr(torch.randn(900, 300, generator=generator).double()).Q * 30
    draws = torch.linalg.qr(draws - draws.mean(0)).Q * 30  # covariance 1, to the last bit or so
    latents = (draws * variances.sqrt() @ axes.T).reshape(900, 3, 10, 10)
    fit = GaussianDenoiser.fit(latents, rank=40)
    assert fit.truncation is not None
    torch.testing.assert_close(fit.eigenvalues, variances[:40], rtol=2e-5, atol=0)
    assert float(fit.truncation.residuals.max()) <= 1e-4 * 9
    torch.testing.assert_close(
        fit.eigenvectors[:, :5] @ fit.eigenvectors[:, :5].T,
        axes[:, :5] @ axes[:, :5].T,
        rtol=0,
        atol=1e-4,
    )
    torch.testing.assert_close(
        fit.truncation.variance, float(variances[40:].sum()), rtol=1e-4, atol=0
    )
