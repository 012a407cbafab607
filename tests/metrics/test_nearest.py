"""Nearest pictures against the obvious loop in float64 numpy."""

import importlib

import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import Pictures, integers
from denoscope.metrics import gl_pixel, nearest
from denoscope.metrics.nearest import nearest_outside

RANKING = importlib.import_module("denoscope.metrics.ranking")
MODULE = importlib.import_module("denoscope.metrics.nearest")
SHAPE = (2, 5, 3)


@pytest.fixture(params=["int8", "float32"], autouse=True)
def arithmetic(request, monkeypatch):
    """Both ways to rank pictures, wherever the processor's int8 products are exact."""
    if request.param == "int8" and not integers.int8_is_exact(torch.device("cpu")):
        pytest.skip("torch._int_mm saturates on this processor")
    for module in (RANKING, integers):
        monkeypatch.setattr(module, "int8_pays", lambda device: request.param == "int8")


def pixels(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *SHAPE), generator=generator, dtype=torch.uint8)


def queries(n, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *SHAPE, generator=generator) * 0.5


def slow(x, train):
    """All distances, float64 (B, N), by differences of the float32 working values."""
    x = x.double().numpy().reshape(len(x), 1, -1)
    y = train.floats().double().numpy().reshape(1, len(train), -1)
    return np.sqrt(((x - y) ** 2).sum(2))


@pytest.mark.parametrize("chunk", [40, 200, 1 << 22])
@pytest.mark.parametrize("k", [1, 3, 60])
def test_against_the_loop_whatever_the_chunk(monkeypatch, chunk, k):
    monkeypatch.setattr(MODULE, "CHUNK_VALUES", chunk)
    whole = Pictures.from_tensor(pixels(80))
    train, _ = whole.split(50, seed=3)
    x = queries(7)
    distances = slow(x, train)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    found = nearest(x, train, k)
    np.testing.assert_array_equal(found.positions.numpy(), order)
    np.testing.assert_array_equal(found.ids.numpy(), train.ids.numpy()[order])
    np.testing.assert_allclose(
        found.distances.numpy(), np.take_along_axis(distances, order, 1), rtol=1e-14
    )
    assert found.distances.dtype == torch.float64
    assert found.distances.shape == (7, min(k, 50))


def test_a_copy_is_at_distance_zero_and_twins_come_in_order():
    stored = pixels(30)
    stored[20] = stored[4]
    stored[21] = stored[4]
    stored[21, 0, 0, 0] ^= 1  # one grey level in one pixel
    train = Pictures.from_tensor(stored)
    for x in (train.floats([20]), (stored[20:21].double() / 127.5 - 1)):
        found = nearest(x, train, k=3)
        assert found.positions.tolist() == [[4, 20, 21]]
        assert found.distances[0, :2].tolist() == [0, 0]
        torch.testing.assert_close(found.distances[0, 2].item(), 1 / 127.5, rtol=1e-5, atol=0)


@pytest.mark.parametrize("reach", [0.02, 1.0, 3.0, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_queries_of_any_size(reach, dtype):
    """Within the bytes' range and far beyond: what rounds more lists more."""
    train = Pictures.from_tensor(pixels(700))
    x = (reach * queries(9)).to(dtype)
    distances = slow(x, train) if dtype == torch.float32 else slow64(x, train)
    found = nearest(x, train, k=2)
    right = np.sort(distances, axis=1)[:, :2]
    np.testing.assert_allclose(found.distances.numpy(), right, rtol=1e-13)
    if reach < 1e3:
        order = np.argsort(distances, axis=1, kind="stable")[:, :2]
        np.testing.assert_array_equal(found.positions.numpy(), order)


@pytest.mark.parametrize("factor", [1.0, 5.0])
def test_the_floor_lets_every_one_of_the_nearest_pass(arithmetic, factor):
    """The bound itself, against distances in float64: no picture as near as the k-th is below it."""
    train, k = Pictures.from_tensor(pixels(400)), 5
    x = (factor * queries(30)).flatten(1)
    ranking = RANKING.ranking_of(x, None)
    u = ranking.rows(train.pixels.flatten(1))
    half = ranking.half_norms(u)
    scores = ranking.products(u).double() - half[:, None]
    floor = ranking.floor(scores.topk(k, dim=0).values[-1], float((2 * half).sqrt().max()))
    exact = torch.from_numpy(slow(x.reshape(-1, *SHAPE), train)).T
    near = exact <= exact.topk(k, dim=0, largest=False).values[-1]
    assert bool((scores >= floor)[near].all())
    assert int((scores >= floor).sum()) < (60 if factor == 1 else 180) * 30  # and not all do


def test_many_twins_still_give_the_right_distances():
    train = Pictures.from_tensor(pixels(1).expand(40, *SHAPE).clone())
    x = queries(2)
    found = nearest(x, train, k=2)
    np.testing.assert_allclose(found.distances.numpy(), slow(x, train)[:, :2], rtol=1e-14)


def test_latents_are_compared_in_their_scaled_units():
    train = Pictures.from_latents(torch.randn(20, *SHAPE), scale=0.25)
    x = queries(3)
    found = nearest(x, train)
    np.testing.assert_allclose(found.distances[:, 0].numpy(), slow(x, train).min(1), rtol=1e-14)


def test_the_nearest_outside_a_group(monkeypatch):
    monkeypatch.setattr(MODULE, "CHUNK_VALUES", 200)
    train, _ = Pictures.from_tensor(pixels(60)).split(40, seed=0)
    groups = torch.arange(40) % 3
    x, excluded = queries(6), torch.tensor([0, 1, 2, 0, 1, 9])
    found = nearest_outside(x, train, groups, excluded)
    distances = slow(x, train)
    distances[groups.numpy()[None, :] == excluded.numpy()[:, None]] = np.inf
    np.testing.assert_array_equal(found.positions[:, 0].numpy(), distances.argmin(1))
    np.testing.assert_allclose(found.distances[:, 0].numpy(), distances.min(1), rtol=1e-14)
    alone = nearest_outside(x, train, torch.zeros(40, dtype=torch.int64), torch.zeros(6).long())
    assert alone.ids.tolist() == alone.positions.tolist() == [[-1]] * 6
    assert torch.isinf(alone.distances).all()


def test_gl_is_distance_over_norm():
    train, x = Pictures.from_tensor(pixels(20)), queries(5)
    gl = gl_pixel(x, nearest(x, train).distances[:, 0])
    expected = slow(x, train).min(1) / np.linalg.norm(x.double().numpy().reshape(5, -1), axis=1)
    np.testing.assert_allclose(gl.numpy(), expected, rtol=1e-12)
    copies = train.floats([3, 4])
    assert gl_pixel(copies, nearest(copies, train).distances[:, 0]).tolist() == [0, 0]
    with pytest.raises(InputError, match="one a picture"):
        gl_pixel(x, torch.ones(5, 1))


@pytest.mark.parametrize(
    ("x", "k", "words"),
    [
        (torch.zeros(2, 1, 5, 3), 1, "training set of"),
        (torch.zeros(SHAPE), 1, "training set of"),
        (torch.zeros(2, *SHAPE, dtype=torch.uint8), 1, "give floats"),
        (torch.full((2, *SHAPE), float("inf")), 1, "NaN or infinity"),
        (torch.zeros(2, *SHAPE), 0, "give 1 or more"),
    ],
)
def test_bad_input(x, k, words):
    with pytest.raises(InputError, match=words):
        nearest(x, Pictures.from_tensor(pixels(5)), k)


def test_an_empty_training_set_is_refused():
    _, empty = Pictures.from_tensor(pixels(5)).split(5)
    with pytest.raises(InputError, match="empty"):
        nearest(queries(2), empty)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("block", [3, 2048])
def test_neighbours_nearer_together_than_float32_tells(monkeypatch, dtype, block):
    """Sixty pictures a grey level apart in one pixel each: far more than are looked at first."""
    monkeypatch.setattr(MODULE, "QUERIES", block)
    stored = pixels(1).clamp(1, 254).expand(60, *SHAPE).clone().flatten(1)
    for row in range(60):
        stored[row, row % 30] += 1 if row < 30 else -1
    train = Pictures.from_tensor(torch.cat([pixels(40, seed=5), stored.reshape(60, *SHAPE)]))
    x = (train.floats([40]) + 1e-3 * queries(7)).to(dtype)
    distances = slow(x.float(), train) if dtype == torch.float32 else slow64(x, train)
    order = np.argsort(distances, axis=1, kind="stable")[:, :5]
    found = nearest(x, train, k=5)
    np.testing.assert_array_equal(found.positions.numpy(), order)
    groups = torch.arange(100).clamp(max=41)  # all but the first of the sixty are one group
    outside = nearest_outside(x, train, groups, torch.full((7,), 41))
    allowed = np.where(groups.numpy() == 41, np.inf, distances)
    np.testing.assert_array_equal(outside.positions[:, 0].numpy(), allowed.argmin(1))


def slow64(x, train):
    y = train.pixels.double() / 127.5 - 1
    return (x[:, None] - y[None]).flatten(2).norm(dim=2).numpy()
