"""Posteriors over parts of a data set, merged, are the posterior over the whole."""

import pytest
import torch

from denoscope.closed_form import Moments, MultiDeltaDenoiser, merge_posteriors
from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.noise import karras_levels, noise

LEVELS = [0.0, *karras_levels(10).tolist(), float("inf")]
PARTS = (slice(0, 7), slice(7, 40), slice(40, 200))


@pytest.fixture(scope="module")
def pictures():
    """200 pictures of 8 x 8, the first of them also in the last part, and almost once more."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (200, 1, 8, 8), dtype=torch.uint8, generator=generator)
    pixels[100] = pixels[0]
    pixels[101] = pixels[0] ^ 1
    return Pictures.from_tensor(pixels)


@pytest.mark.parametrize("sigma", LEVELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_merged_parts_are_the_whole(pictures, sigma, dtype):
    level = torch.tensor([sigma]).double()
    draws = noise(range(6), (1, 8, 8), seed=0, stream="test")
    x = (pictures.floats(range(6)) + min(sigma, 100.0) * draws).to(dtype)
    whole = MultiDeltaDenoiser(pictures).posterior(x, level, k=4)
    taken = [pictures.take(range(len(pictures))[part]) for part in PARTS]
    parts = [MultiDeltaDenoiser(part).posterior(x, level, k=4) for part in taken]
    merged = merge_posteriors(parts, [len(part) for part in taken], level)
    assert merged.x0_hat.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(merged.x0_hat, whole.x0_hat, rtol=0, atol=tolerance)
    torch.testing.assert_close(merged.distances, whole.distances, rtol=1e-12, atol=0)
    torch.testing.assert_close(merged.weights, whole.weights, rtol=1e-4, atol=tolerance)
    torch.testing.assert_close(
        merged.effective_number, whole.effective_number, rtol=1e-4, atol=tolerance
    )
    torch.testing.assert_close(merged.log_density, whole.log_density, rtol=1e-9, atol=tolerance)
    for row in range(6):  # equally near pictures in any order
        assert set(merged.nearest[row].tolist()) == set(whole.nearest[row].tolist())


def test_moments_of_parts_give_the_fit_of_the_whole(pictures):
    parts = [Moments.of(pictures.stored(part)) for part in PARTS]
    merged, whole = parts[2] + (parts[0] + parts[1]), Moments.of(pictures)
    assert torch.equal(merged.products, whole.products)
    assert torch.equal(merged.covariance(), whole.covariance())


def test_bad_parts_are_refused(pictures):
    x, level = pictures.floats([0]), torch.ones(1)
    part = MultiDeltaDenoiser(pictures).posterior(x, level)
    for parts, counts in (([], []), ([part], [200, 3]), ([part], [0])):
        with pytest.raises(InputError, match="give one count"):
            merge_posteriors(parts, counts, level)
