import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import Pictures, integer_matmul, integer_moments, integers


@pytest.fixture(params=["int8", "float32"])
def path(request, monkeypatch):
    """Both ways to multiply; the fast one only where this machine's is exact."""
    exact = integers.int8_is_exact(torch.device("cpu"))
    if request.param == "int8" and not exact:
        pytest.skip("torch._int_mm saturates on this processor")
    monkeypatch.setattr(integers, "int8_pays", lambda device: request.param == "int8")
    return request.param


def rows(n, d, kind="random", seed=0):
    if kind == "random":
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(0, 256, (n, d), dtype=torch.uint8, generator=generator)
    return torch.full((n, d), {"black": 0, "white": 255}[kind], dtype=torch.uint8)


@pytest.mark.parametrize("kind", ["random", "black", "white"])
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (5, 3, 7), (33, 17, 784), (9, 70, 3072)])
def test_products_are_exact(path, kind, n, m, d):
    a, b = rows(n, d, kind), rows(m, d, kind, seed=1)
    want = a.numpy().astype(np.int64) @ b.numpy().astype(np.int64).T
    got = integer_matmul(a, b)
    assert got.dtype == torch.int64
    np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("kind", ["black", "random"])
def test_contractions_past_the_reach_of_int32_are_exact(path, kind):
    d = 140_000  # 2^14 * 140,000 > 2^31
    a, b = rows(2, d, kind), rows(3, d, kind, seed=1)
    want = a.numpy().astype(np.int64) @ b.numpy().astype(np.int64).T
    np.testing.assert_array_equal(integer_matmul(a, b).numpy(), want)


def test_moments_are_exact_and_the_same_for_any_chunk(path, monkeypatch):
    monkeypatch.setattr(integers, "GRAM_PANEL", 20)  # several panels, the last one ragged
    pixels = rows(300, 48).reshape(300, 3, 4, 4)
    wide = pixels.flatten(1).numpy().astype(np.int64)
    for chunk in (1, 7, 299, 300, None):
        total, gram = integer_moments(pixels, chunk)
        np.testing.assert_array_equal(total.numpy(), wide.sum(0))
        np.testing.assert_array_equal(gram.numpy(), wide.T @ wide)
    part = Pictures.from_tensor(pixels).take([5, 100, 7])
    total, gram = integer_moments(part)
    np.testing.assert_array_equal(gram.numpy(), wide[[5, 100, 7]].T @ wide[[5, 100, 7]])


def test_moments_of_more_pictures_than_int32_holds_are_exact(path, monkeypatch):
    """Half of them all black: int32 sums start anew before they overflow."""
    monkeypatch.setattr(integers, "INT32_CONTRACTION", 64)
    pixels = rows(300, 12)
    pixels[::2] = 0
    wide = pixels.numpy().astype(np.int64)
    for chunk in (None, 50):
        total, gram = integer_moments(pixels.reshape(300, 3, 2, 2), chunk)
        np.testing.assert_array_equal(total.numpy(), wide.sum(0))
        np.testing.assert_array_equal(gram.numpy(), wide.T @ wide)


@pytest.mark.parametrize("kind", ["random", "black", "white"])
@pytest.mark.parametrize("d", [1, 784, 3000])
def test_squared_norms_are_exact(kind, d):
    u = integers.centred(rows(40, d, kind))
    want = (u.numpy().astype(np.int64) ** 2).sum(1)
    np.testing.assert_array_equal(integers.squared_norms(u).numpy(), want)


def test_a_multiplication_that_saturates_is_found_out(monkeypatch):
    def saturating(a, b):  # int16 pairs, as vpmaddubsw sums them
        products = a.double()[:40, None, :] * b.double()[None, :24, :]
        pairs = torch.nn.functional.pad(products, (0, a.shape[1] % 2)).unflatten(2, (-1, 2)).sum(3)
        return pairs.clamp(-(2**15), 2**15 - 1).sum(2).to(torch.int32)

    monkeypatch.setattr(integers, "int8_products", saturating)
    assert not integers.int8_is_exact(torch.device("cpu"))


def test_what_is_not_uint8_is_refused():
    with pytest.raises(InputError, match=r"give torch\.uint8 \(n, d\)"):
        integer_matmul(torch.zeros(2, 3), rows(2, 3))
    with pytest.raises(InputError, match="of one shape"):
        integer_matmul(rows(2, 4), rows(2, 3))
    with pytest.raises(InputError, match=r"takes torch\.uint8"):
        integer_moments(Pictures.from_latents(torch.zeros(2, 1, 2, 2)))


@pytest.mark.parametrize("spread", [5, 30, 60, 127])
def test_long_float32_sums_are_exact_up_to_where_they_stop_being_so(spread, monkeypatch):
    """Columns alike, so that sums of products are as large as those of squares."""
    monkeypatch.setattr(integers, "int8_pays", lambda device: False)
    generator = torch.Generator().manual_seed(0)
    one = torch.randint(128 - spread, 129 + spread, (9000, 1), generator=generator)
    pixels = one.expand(-1, 6).clone()
    pixels[:, 3] = 255 - pixels[:, 3]
    pixels[::2, 4] = 0
    pixels = pixels.clamp(0, 255).to(torch.uint8).reshape(-1, 1, 2, 3)
    _, gram = integers.integer_moments(pixels)
    u = pixels.flatten(1).long()
    assert torch.equal(gram, (u[:, :, None] * u[:, None, :]).sum(0))
