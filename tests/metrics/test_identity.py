import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import as_sigma
from denoscope.errors import InputError
from denoscope.metrics import identity_cosine, identity_difference
from denoscope.noise import noise


def test_against_loops():
    generator = torch.Generator().manual_seed(0)
    d, x = (torch.randn(5, 1, 3, 4, generator=generator) for _ in range(2))
    for i in range(5):
        a, b = d[i].double().flatten(), x[i].double().flatten()
        own = sum((u - v) ** 2 for u, v in zip(a.tolist(), b.tolist(), strict=True))
        assert identity_difference(d, x)[i].item() == pytest.approx(own / float(b @ b))
        cosine = float(a @ b) / float(a @ a) ** 0.5 / float(b @ b) ** 0.5
        assert identity_cosine(d, x)[i].item() == pytest.approx(cosine)


def test_limits():
    x = torch.ones(1, 1, 2, 2)
    assert (identity_difference(x, x).item(), identity_cosine(x, x).item()) == (0.0, 1.0)
    assert (identity_difference(-x, x).item(), identity_cosine(-x, x).item()) == (4.0, -1.0)
    nothing = 0 * x
    assert identity_difference(nothing, x).item() == 1.0
    assert identity_cosine(nothing, x).isnan().all()
    assert identity_difference(x, nothing).isinf().all()
    with pytest.raises(InputError, match="one shape"):
        identity_cosine(x, x[0])


def test_denoisers_become_the_identity_at_low_noise_on_their_own_pictures(few_digits):
    """D = x0 + O(sigma) on pictures the closed forms know: the difference falls as sigma^2."""
    train, _ = few_digits
    x0 = train.floats().double()
    eps = noise(range(len(train)), train.shape, seed=0, stream="test").double()
    for denoiser in (GaussianDenoiser.fit(train), MultiDeltaDenoiser(train)):
        found = []
        for sigma in (0.1, 0.01):
            x = x0 + sigma * eps
            found.append(float(identity_difference(denoiser(x, as_sigma(sigma, x)), x).mean()))
        assert found[0] < 0.05
        assert found[1] == pytest.approx(found[0] / 100, rel=0.7)
