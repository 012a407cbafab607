"""The multi-delta denoiser against brute force, where it is hard: low noise, near-duplicates."""

import math

import pytest
import torch

from denoscope.closed_form import MultiDeltaDenoiser, data_matrix, dense_sums, scores
from denoscope.errors import InputError, SigmaOutOfRange
from denoscope.images import Pictures
from denoscope.images.integers import int8_is_exact
from denoscope.noise import karras_levels, noise
from oracles import multi_delta_denoiser, multi_delta_jacobian, posterior_quantities


@pytest.fixture(autouse=True, params=["whole numbers", "floats"])
def products(request, monkeypatch):
    """Each test with the products of either kind of processor."""
    whole = request.param == "whole numbers"
    if whole and not int8_is_exact(torch.device("cpu")):
        pytest.skip("this processor's int8 products saturate")
    monkeypatch.setattr(data_matrix, "int8_pays", lambda device: whole)
    return request.param


LEVELS = torch.cat([karras_levels(10), torch.tensor([0.005, 0.05, 0.25]).double()])
SHAPE = (3, 16, 16)


def eps(n: int, shape=SHAPE, seed: int = 0) -> torch.Tensor:
    return noise(range(n), shape, seed=seed, stream="test")


def pixels(n: int = 60) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=generator)


def bytes_one_level_apart() -> torch.Tensor:
    """Each picture also with one pixel, and with all pixels, one grey level off."""
    base = pixels(20).clamp(1, 254)
    one, all_ = base.clone(), base.clone()
    one[:, 0, 5, 5] += 1
    all_ ^= 1
    return torch.cat([base, one, all_])


def bytes_exactly_twice() -> torch.Tensor:
    return torch.cat([pixels(20)] * 3)


def latents_a_thousandth_apart() -> torch.Tensor:
    base = 0.5 * eps(20, seed=1)
    return torch.cat([base, base + 1e-3 * eps(20, seed=2), base - 1e-3 * eps(20, seed=3)])


DATA = {
    "random bytes": pixels,
    "one grey level apart": bytes_one_level_apart,
    "exact duplicates": bytes_exactly_twice,
    "latents 1e-3 apart": latents_a_thousandth_apart,
    "one picture": lambda: pixels(1),
    "far latents": lambda: latents_a_thousandth_apart() + 5,
}


def values(data: torch.Tensor) -> torch.Tensor:
    return data.double() / 127.5 - 1 if data.dtype == torch.uint8 else data.double()


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_brute_force_at_every_sigma(name, dtype):
    """In float32 to 1e-5 and in float64 to rounding, a different sigma in each row."""
    data = DATA[name]()
    y = values(data)
    n = len(LEVELS)
    starts = y[torch.arange(n) % len(y)]
    x = (starts + LEVELS.reshape(-1, 1, 1, 1) * eps(n)).to(dtype)
    denoiser = MultiDeltaDenoiser(data, chunk=17)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-8
    expected = multi_delta_denoiser(data, x, LEVELS)
    scale = max(1.0, float(y.abs().max()))  # 1e-5 of pictures in [-1, 1]
    for result in (denoiser(x, LEVELS), denoiser.posterior(x, LEVELS).x0_hat):
        assert result.dtype == dtype
        torch.testing.assert_close(result.double(), expected, rtol=0, atol=tolerance * scale)
    # Halfway between two pictures both keep half the weight, at any distance.
    middle = ((y[0] + y[-1]) / 2)[None].to(dtype)
    for sigma in (0.002, 0.1, 80.0):
        level = torch.tensor([sigma], dtype=torch.float64)
        expected = multi_delta_denoiser(data, middle, level)
        torch.testing.assert_close(
            denoiser(middle, level).double(), expected, rtol=0, atol=tolerance * scale
        )


def test_near_duplicates_share_the_weight_as_they_should():
    """What float32 distances get wrong: the weights, and not only the mean."""
    data = latents_a_thousandth_apart()
    x = values(data)[:4] + 0.02 * eps(4).double()
    posterior = MultiDeltaDenoiser(data).posterior(
        x.float(), torch.tensor([0.02], dtype=torch.float64), k=3
    )
    for row in range(4):
        oracle = posterior_quantities(data, x.float()[row], 0.02)
        torch.testing.assert_close(
            posterior.weights[row], oracle.weights[posterior.nearest[row]], rtol=0, atol=1e-8
        )
        assert set(posterior.nearest[row].tolist()) == {row, row + 20, row + 40}


@pytest.mark.parametrize("sigma", [0.002, 0.1, 0.7, 3.0, 80.0])
def test_posterior_equals_brute_force(sigma):
    data = bytes_one_level_apart()
    pictures = Pictures.from_tensor(torch.cat([pixels(7), data])).take(range(7, 67))
    x = values(data)[[3, 25, 41]] + sigma * eps(3).double()
    posterior = MultiDeltaDenoiser(pictures, chunk=11).posterior(
        x, torch.tensor([sigma], dtype=torch.float64), k=5
    )
    assert posterior.nearest.shape == posterior.weights.shape == (3, 5)
    for row in range(3):
        oracle = posterior_quantities(data, x[row], sigma)
        near = oracle.distances.sort().values[:5]
        torch.testing.assert_close(posterior.distances[row], near, rtol=1e-9, atol=1e-9)
        positions = posterior.nearest[row] - 7  # ids are those of the set the pictures come from
        torch.testing.assert_close(oracle.distances[positions], near, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            posterior.weights[row], oracle.weights[positions], rtol=0, atol=1e-7
        )
        assert float(posterior.effective_number[row]) == pytest.approx(
            oracle.effective_number, 1e-6
        )
        assert float(posterior.log_density[row]) == pytest.approx(oracle.log_density, 1e-9)


def test_effective_number_runs_from_one_to_all():
    data = bytes_exactly_twice()
    x = values(data)[:2]
    posterior = MultiDeltaDenoiser(data).posterior(x, torch.tensor([1e4]))
    torch.testing.assert_close(
        posterior.effective_number, torch.full((2,), 60.0).double(), rtol=1e-3, atol=0
    )
    posterior = MultiDeltaDenoiser(data).posterior(x, torch.tensor([0.002]))
    torch.testing.assert_close(posterior.effective_number, torch.full((2,), 3.0).double())
    posterior = MultiDeltaDenoiser(pixels()).posterior(x, torch.tensor([0.002]))
    torch.testing.assert_close(posterior.effective_number, torch.ones(2).double())


@pytest.mark.parametrize("name", DATA)
def test_chunks_do_not_matter(name):
    data = DATA[name]()
    n = len(LEVELS)
    x = values(data)[torch.arange(n) % len(data)] + LEVELS.reshape(-1, 1, 1, 1) * eps(n).double()
    whole = MultiDeltaDenoiser(data).posterior(x, LEVELS)
    for chunk in (1, 7, 59, 1000):
        denoiser = MultiDeltaDenoiser(data, chunk=chunk)
        torch.testing.assert_close(denoiser(x, LEVELS), whole.x0_hat, rtol=0, atol=1e-8)
        parts = denoiser.posterior(x, LEVELS)
        torch.testing.assert_close(parts.distances, whole.distances, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            parts.effective_number, whole.effective_number, rtol=1e-6, atol=0
        )
        torch.testing.assert_close(parts.log_density, whole.log_density, rtol=1e-10, atol=1e-6)


def test_limits(few_digits):
    train, held_out = few_digits
    denoiser = MultiDeltaDenoiser(train, chunk=10)
    y, x = train.floats().double(), held_out.floats(range(10)).double()
    zero, infinity = torch.zeros(1), torch.tensor([float("inf")])
    nearest = torch.cdist(x.flatten(1), y.flatten(1)).argmin(1)
    torch.testing.assert_close(denoiser(x, zero), y[nearest], rtol=0, atol=1e-7)
    mean = y.mean(0).expand_as(x)
    torch.testing.assert_close(denoiser(x, infinity), mean, rtol=0, atol=1e-7)
    mixed = denoiser(x[:2], torch.tensor([0.0, float("inf")]))
    torch.testing.assert_close(mixed, torch.stack([y[nearest[0]], mean[0]]), rtol=0, atol=1e-7)
    at_zero = denoiser.posterior(torch.cat([y[:1], x[:1]]), zero)
    assert at_zero.log_density.tolist() == [math.inf, -math.inf]
    at_infinity = denoiser.posterior(x, infinity)
    torch.testing.assert_close(at_infinity.effective_number, torch.full((10,), 64.0).double())
    assert bool((at_infinity.log_density == -math.inf).all())


def test_at_sigma_zero_ties_are_averaged():
    data = torch.zeros(5, 1, 2, 2, dtype=torch.uint8)
    data[1, 0, 0, 0], data[2, 0, 1, 1], data[3:] = 2, 2, 200
    denoiser = MultiDeltaDenoiser(data, chunk=2)
    x = torch.full((1, 1, 2, 2), -1.0, dtype=torch.float64)
    x[0, 0, 0, 0], x[0, 0, 1, 1] = 1 / 127.5 - 1, 1 / 127.5 - 1  # as near to 0 as to 1 and to 2
    expected = (data[:3].double() / 127.5 - 1).mean(0, keepdim=True)
    torch.testing.assert_close(denoiser(x, torch.zeros(1)), expected, rtol=0, atol=1e-7)
    assert float(denoiser.posterior(x, torch.zeros(1)).effective_number) == pytest.approx(3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_at_once_equal_levels_one_by_one(few_digits, dtype):
    train, held_out = few_digits
    denoiser = MultiDeltaDenoiser(train, chunk=13)
    x0 = held_out.floats(range(8)).to(dtype)
    draws = eps(8, x0.shape[1:]).to(dtype)
    together = denoiser.posterior_at_levels(x0, draws, LEVELS, k=2)
    assert len(together) == len(LEVELS)
    for sigma, ours in zip(LEVELS, together, strict=True):
        x = x0.double() + sigma * draws.double()
        alone = denoiser.posterior(x, sigma.reshape(1), k=2)
        assert ours.x0_hat.dtype == dtype
        tolerance = 1e-5 if dtype == torch.float32 else 1e-8
        torch.testing.assert_close(ours.x0_hat.double(), alone.x0_hat, rtol=0, atol=tolerance)
        assert torch.equal(ours.nearest, alone.nearest)
        near = 1e-6 if dtype == torch.float32 else 1e-8
        torch.testing.assert_close(ours.weights, alone.weights, rtol=0, atol=near)
        torch.testing.assert_close(ours.log_density, alone.log_density, rtol=1e-10, atol=near)


# The first jvp of a process makes torch load its own deprecated torch.jit.script.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("sigma", [0.002, 0.05, 0.4, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivative_is_the_posterior_covariance(few_digits, sigma, dtype):
    train, held_out = few_digits
    denoiser = MultiDeltaDenoiser(train, chunk=20)
    middle = (train.floats([0]) + train.floats([1])) / 2  # where the covariance is large
    x = torch.cat([middle, held_out.floats([0]) + sigma * eps(1, train.shape)]).to(dtype)
    level = torch.tensor([sigma], dtype=torch.float64)
    single = dtype == torch.float32
    for row in x.split(1):
        expected = multi_delta_jacobian(train.pixels, row[0], sigma).to(dtype)
        tolerance = (2e-5 if single else 1e-9) * max(1.0, float(expected.abs().max()))

        def flat(at, row=row):
            return denoiser(at.reshape(row.shape), level).flatten()

        for jacobian in (
            torch.func.jacrev(flat)(row.flatten()),
            torch.func.jacfwd(flat)(row.flatten()),
        ):
            torch.testing.assert_close(jacobian, expected, rtol=0, atol=tolerance)
    many = torch.func.vmap(torch.func.jacrev(lambda at: denoiser(at[None], level)[0]))(x)
    assert many.shape == (2, *train.shape, *train.shape)


def test_score_is_the_gradient_of_the_log_density(few_digits):
    train, held_out = few_digits
    denoiser = MultiDeltaDenoiser(train)
    level = torch.tensor([0.5])
    x = held_out.floats([0]).double()
    along = eps(1, train.shape).double()
    score = (denoiser(x, level) - x) / 0.5**2
    plus, minus = (denoiser.posterior(x + h * along, level).log_density for h in (1e-5, -1e-5))
    slope = (plus - minus) / 2e-5
    torch.testing.assert_close(slope, (score * along).sum().reshape(1), rtol=1e-6, atol=1e-6)


def test_refusals(few_digits):
    train, held_out = few_digits
    denoiser = MultiDeltaDenoiser(train)
    x = held_out.floats([0, 1])
    one = torch.ones(1)
    for k in (0, 65):
        with pytest.raises(InputError, match="give 1 to 64"):
            denoiser.posterior(x, one, k=k)
    with pytest.raises(SigmaOutOfRange):
        denoiser.posterior_at_levels(x, x, torch.tensor([1.0, -1.0]))
    for bad in (
        (x, x[:1], one),
        (x, x, torch.tensor([float("inf")])),
        (x, x, torch.ones(1, 1)),
    ):
        with pytest.raises(InputError):
            denoiser.posterior_at_levels(*bad)


def test_data_are_kept_once_as_bytes(few_digits):
    denoiser = MultiDeltaDenoiser(few_digits[0], name="copies")
    assert denoiser._data.stored.dtype == torch.uint8
    assert denoiser._data.stored.data_ptr() == few_digits[0].pixels.data_ptr()
    assert len(denoiser) == 64
    moved = denoiser.to("cpu")
    x = few_digits[1].floats([0])
    assert moved.spec.name == "copies"
    assert torch.equal(moved(x, torch.ones(1)), denoiser(x, torch.ones(1)))


def photographs(n: int, copies: int = 1) -> torch.Tensor:
    """uint8 (n, 1, 12, 12) whose spectrum falls as that of photographs, each with near-copies."""
    generator = torch.Generator().manual_seed(0)
    spectrum = 150 / torch.arange(1, 145).double() ** 0.8
    axes = torch.linalg.qr(torch.randn(144, 144, generator=generator).double()).Q
    base = 140 + torch.randn(n // copies, 144, generator=generator).double() * spectrum @ axes.T
    base = base.repeat(copies, 1)
    base[n // copies :] += torch.randint(-1, 2, (n - n // copies, 144), generator=generator)
    return base.round().clamp(0, 255).to(torch.uint8).reshape(n, 1, 12, 12)


FAR = torch.tensor([1e-4, 300.0, 1e6]).double()


@pytest.mark.parametrize("copies", [1, 1000], ids=["photographs", "two clusters"])
@pytest.mark.parametrize("shift", [0.0, 3.0], ids=["near", "far"])
def test_dense_and_sparse_levels_equal_brute_force(copies, shift):
    """2,000 pictures: at high noise they share the weight, at low noise a few hold it."""
    data = photographs(2000, copies)
    denoiser = MultiDeltaDenoiser(data)
    levels = torch.cat([LEVELS, FAR])
    x0 = ((values(data)[[0, 999, 1500]] + values(data)[[1, 501, 1]]) / 2 + shift).float()
    draws = eps(3, x0.shape[1:])
    at_once = denoiser.posterior_at_levels(x0, draws, levels, k=3)
    for sigma, found in zip(levels, at_once, strict=True):
        x = (x0 + sigma.float() * draws).float()
        expected = multi_delta_denoiser(data, x, sigma[None])
        alone = denoiser(x, sigma[None]).double()
        assert float((alone - expected).norm() / expected.norm()) < 1e-5
        exact = x0.double() + sigma * draws.double()
        for row in range(3):
            oracle = posterior_quantities(data, exact[row], float(sigma))
            off = found.x0_hat[row].double() - oracle.mean
            assert float(off.norm() / oracle.mean.norm()) < 1e-5
            assert float(found.effective_number[row]) == pytest.approx(
                oracle.effective_number, 1e-5
            )
            near = oracle.distances.sort().values[:3]
            torch.testing.assert_close(found.distances[row], near, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rows", [1, 20])
def test_sums_over_many_pictures_keep_their_digits(rows):
    """100,000 float32 terms added one after the other would lose two of them."""
    generator = torch.Generator().manual_seed(0)
    data = torch.randint(0, 256, (100_000, 1, 4, 4), dtype=torch.uint8, generator=generator)
    x0 = values(data)[:rows].float() + 0.5
    for sigma in (2.0, 20.0):
        level = torch.tensor([sigma]).double()
        x = x0 + sigma * eps(rows, data.shape[1:])
        off = MultiDeltaDenoiser(data)(x, level).double() - multi_delta_denoiser(data, x, level)
        assert float(off.abs().max()) < 3e-6


def test_rows_do_not_depend_on_their_batch_nor_on_how_scores_are_held(monkeypatch):
    from denoscope.closed_form import posterior

    data = photographs(2000)
    denoiser = MultiDeltaDenoiser(data)
    x0, draws = values(data)[:9].float() + 0.01, eps(9, data.shape[1:])
    whole = denoiser.posterior_at_levels(x0, draws, LEVELS)
    monkeypatch.setattr(posterior, "HELD", 4 * 2000 * 2)  # two rows at a time
    monkeypatch.setitem(scores.AT_A_TIME, "cpu", 64)
    for one, other in zip(whole, denoiser.posterior_at_levels(x0, draws, LEVELS), strict=True):
        torch.testing.assert_close(one.x0_hat, other.x0_hat, rtol=0, atol=2e-6)
        assert torch.equal(one.nearest, other.nearest)
    mixed = denoiser(x0 + 0.5 * draws, LEVELS[:9])  # a level a row
    for row in range(9):
        alone = denoiser(x0[row : row + 1] + 0.5 * draws[row : row + 1], LEVELS[row : row + 1])
        torch.testing.assert_close(mixed[row : row + 1], alone, rtol=0, atol=2e-6)


def test_whole_numbers_are_the_same_bits_for_any_chunk_tile_and_thread_count(products, monkeypatch):
    if products == "floats":
        pytest.skip("sums of float32 products depend on their order")
    data = photographs(2000)
    x0, draws = values(data)[:9].float() + 0.01, eps(9, data.shape[1:])
    found = []
    threads = torch.get_num_threads()
    for chunk, tile, most, used in (
        (None, 1 << 18, 131_064, 1),
        (7, 64, 50, 1),
        (300, 900, 300, 2),
    ):
        monkeypatch.setitem(scores.AT_A_TIME, "cpu", tile)
        monkeypatch.setattr(dense_sums, "INT32_CONTRACTION", most)
        torch.set_num_threads(used)
        found.append(MultiDeltaDenoiser(data, chunk=chunk).posterior_at_levels(x0, draws, LEVELS))
        torch.set_num_threads(threads)
    for level, first in enumerate(found[0]):
        for other in found[1:]:
            assert torch.equal(first.x0_hat, other[level].x0_hat)
            assert torch.equal(first.log_density, other[level].log_density)


def test_where_float32_products_may_round_more_scores_are_float64(monkeypatch):
    data = photographs(200)
    x = values(data)[:2].float()
    expected = multi_delta_denoiser(data, x, torch.tensor([0.5]).double())
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "medium")
    got = MultiDeltaDenoiser(data)(x, torch.tensor([0.5]))
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_float32_has_the_derivatives_of_the_formula(few_digits):
    """By autograd and by dual numbers, along x and along sigma, against float64."""
    train, held_out = few_digits
    denoiser = MultiDeltaDenoiser(train)
    x, sigma = held_out.floats([0, 1]), torch.tensor([0.4, 0.9])
    along = eps(2, train.shape)

    def gradients(dtype):
        at = [t.to(dtype).requires_grad_() for t in (x, sigma)]
        return torch.autograd.grad((denoiser(*at) * along).sum(), at)

    for single, double in zip(gradients(torch.float32), gradients(torch.float64), strict=True):
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-5)
    for tangents in ((along, None), (along, 0.1 * sigma)):
        out = {}
        for dtype in (torch.float32, torch.float64):
            with torch.autograd.forward_ad.dual_level():
                at = [
                    t.to(dtype)
                    if d is None
                    else torch.autograd.forward_ad.make_dual(t.to(dtype), d.to(dtype))
                    for t, d in zip((x, sigma), tangents, strict=True)
                ]
                out[dtype] = torch.autograd.forward_ad.unpack_dual(denoiser(*at)).tangent
        torch.testing.assert_close(
            out[torch.float32].double(), out[torch.float64], rtol=1e-5, atol=1e-5
        )
