"""Similarity of twins' samples against loops, and on twins whose answer is known."""

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.errors import InputError
from denoscope.metrics import nearest, twin_similarity
from denoscope.noise import karras_levels, noise
from denoscope.sampling import sample


def four(n=6):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 1, 3, 4, generator=generator, dtype=torch.float64) for _ in range(4)]


def cosine(a, b):
    a, b = a.flatten().tolist(), b.flatten().tolist()
    inner = sum(u * v for u, v in zip(a, b, strict=True))
    return inner / sum(u * u for u in a) ** 0.5 / sum(v * v for v in b) ** 0.5


@pytest.mark.parametrize("centred", [False, True])
def test_against_loops(centred):
    x1, x2, n1, n2 = four()
    mean = torch.full((1, 3, 4), 0.4).double()
    found = twin_similarity(x1, x2, n1, n2, mean if centred else None)
    shift = mean if centred else torch.zeros_like(mean)
    for i in range(6):
        a, b, u, v = (part[i] - shift for part in (x1, x2, n1, n2))
        assert found.between[i].item() == pytest.approx(cosine(a, b))
        assert found.to_nearest_1[i].item() == pytest.approx(cosine(a, u))
        assert found.to_nearest_2[i].item() == pytest.approx(cosine(b, v))
    both = (found.to_nearest_1 + found.to_nearest_2) / 2
    gaps = found.between - both
    assert found.similarity().value == pytest.approx(float(found.between.mean()))
    assert found.copying().value == pytest.approx(float(both.mean()))
    assert found.excess().value == pytest.approx(float(gaps.mean()))
    assert found.excess().se == pytest.approx(float(gaps.std() / 6**0.5))


def test_equal_samples_and_opposite_ones():
    x, *_ = four()
    found = twin_similarity(x, x, -x, x)
    torch.testing.assert_close(found.between, torch.ones(6).double())
    torch.testing.assert_close(found.to_nearest, torch.zeros(6).double())
    assert found.between.max() <= 1
    assert twin_similarity(0 * x, x, x, x).between.isnan().all()


def samples_of(make, one, two, levels):
    start = noise(range(24), one.shape, seed=0, stream="sample")
    pictures = [sample(make(part), start, levels) for part in (one, two)]
    own = [
        part.floats(nearest(drawn, part).positions[:, 0])
        for drawn, part in zip(pictures, (one, two), strict=True)
    ]
    return (*pictures, *own)


def test_gaussian_twins_agree_and_multi_delta_twins_copy(digits):
    one, two, _ = digits.twins(400, seed=0)
    mean = (one.floats().mean(0) + two.floats().mean(0)) / 2
    levels = karras_levels(10)
    general = twin_similarity(*samples_of(GaussianDenoiser.fit, one, two, levels), mean)
    memorized = samples_of(MultiDeltaDenoiser, one, two, levels)
    copies = twin_similarity(*memorized, mean)
    assert general.similarity().value > 0.9
    assert general.excess().value - 3 * general.excess().se > 0
    assert copies.copying().value > 0.999
    assert copies.excess().value + 3 * copies.excess().se < 0
    # digits share a black ground: raw cosines hide much of the difference
    raw = twin_similarity(*memorized)
    assert raw.similarity().value > copies.similarity().value + 0.1


def test_bad_input():
    x1, x2, n1, n2 = four()
    with pytest.raises(InputError, match="one shape"):
        twin_similarity(x1[:3], x2, n1, n2)
    with pytest.raises(InputError, match="one picture's shape"):
        twin_similarity(x1, x2, n1, n2, x1)
