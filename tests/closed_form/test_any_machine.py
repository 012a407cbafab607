"""What a machine is does not show in the results: threads, processes, chunks."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, Moments, MultiDeltaDenoiser
from denoscope.images import Pictures
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
