"""What a machine is does not show in the results: threads, processes, chunks."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, Moments, MultiDeltaDenoiser
from denoscope.images import Pictures, integers, open_images
from denoscope.metrics import nearest
from denoscope.noise import karras_levels, noise

SHAPE = (3, 16, 16)


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    grey = torch.randint(0, 256, (1500, *SHAPE), dtype=torch.uint8, generator=generator)
    return Pictures.from_tensor(grey)


def on_threads(count: int, work):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return work()
    finally:
        torch.set_num_threads(before)


def test_moments_have_the_same_bits_on_any_number_of_threads_and_processes(pictures):
    one, two = (on_threads(n, lambda: Moments.of(pictures)) for n in (1, 2))
    assert torch.equal(one.products, two.products)
    assert torch.equal(one.total, two.total)
    shards = [pictures.pixels[part::3] for part in range(3)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        counted = list(pool.map(Moments.of, shards))
    merged = counted[2] + counted[0] + counted[1]
    assert torch.equal(merged.products, one.products)
    assert torch.equal(merged.total, one.total)


def test_moments_streamed_from_disk_are_those_of_memory(pictures, tmp_path, monkeypatch):
    """A mapped file, and a shuffled subset of one, read once and in parts."""
    file = tmp_path / "pictures.npy"
    np.save(file, pictures.pixels.permute(0, 2, 3, 1).numpy())
    mapped, read = open_images(str(file)), []
    stored = Pictures.stored
    monkeypatch.setattr(integers, "CHUNK_VALUES", 50_000)
    monkeypatch.setattr(integers, "FLOAT32_CONTRACTION", 64)
    monkeypatch.setattr(
        Pictures, "stored", lambda of, rows: read.append(len(stored(of, rows))) or stored(of, rows)
    )
    found, whole = Moments.of(mapped), Moments.of(pictures.pixels)
    assert torch.equal(found.products, whole.products)
    assert torch.equal(found.total, whole.total)
    assert sum(read) <= len(pictures) + 1
    d = whole.total.numel()
    assert max(read) <= d < len(pictures)  # d rows at a time, however few values a chunk has
    shuffled, rest = mapped.split(1000, seed=1)
    assert torch.equal((Moments.of(rest) + Moments.of(shuffled)).products, whole.products)


def moments_of(shard):
    return Moments.of(shard)


@pytest.mark.slow
def test_moments_counted_on_ray_are_those_of_one_process(pictures):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        shards = [pictures.pixels[part::4] for part in range(4)]
        counted = ray.get([ray.remote(moments_of).remote(shard) for shard in shards])
    finally:
        ray.shutdown()
    merged = counted[3] + counted[1] + counted[0] + counted[2]
    assert torch.equal(merged.products, Moments.of(pictures).products)


@pytest.mark.parametrize("chunk", [None, 37])
def test_posteriors_are_the_same_on_any_number_of_threads(pictures, chunk):
    """Float32 sums may differ in their last bits; which pictures are nearest may not."""
    denoiser = MultiDeltaDenoiser(pictures, chunk=chunk)
    x0, eps = pictures.floats(range(9)), noise(range(9), SHAPE, seed=0, stream="test")
    one, two = (
        on_threads(n, lambda: denoiser.posterior_at_levels(x0, eps, karras_levels(10), k=3))
        for n in (1, 2)
    )
    whole = MultiDeltaDenoiser(pictures).posterior_at_levels(x0, eps, karras_levels(10), k=3)
    for a, b, c in zip(one, two, whole, strict=True):
        for other in (b, c):
            torch.testing.assert_close(a.x0_hat, other.x0_hat, rtol=0, atol=2e-6)
            assert torch.equal(a.nearest, other.nearest)
            assert torch.equal(a.distances, other.distances)
            torch.testing.assert_close(a.weights, other.weights, rtol=2e-5, atol=1e-9)


def test_nearest_pictures_are_the_same_on_any_number_of_threads(pictures):
    queries = pictures.floats(range(40)) + 0.3 * noise(range(40), SHAPE, seed=1, stream="test")
    one, two = (on_threads(n, lambda: nearest(queries, pictures, 5)) for n in (1, 2))
    assert torch.equal(one.positions, two.positions)
    assert torch.equal(one.distances, two.distances)


def test_the_gaussian_denoises_alike_on_any_number_of_threads(pictures):
    x = 2 * noise(range(9), SHAPE, seed=0, stream="test")
    one, two = (
        on_threads(n, lambda: GaussianDenoiser.fit(pictures)(x, torch.ones(1))) for n in (1, 2)
    )
    torch.testing.assert_close(one, two, rtol=0, atol=2e-6)
