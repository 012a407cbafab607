"""The solution from moments: exact where D is affine, right on average, and honest about its error."""

import pytest
import torch
from fitting import fitted, relative

from denoscope.closed_form import GaussianDenoiser, LinearDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.distillation.law import InputLaw
from denoscope.distillation.shrinkage import gaussian_map
from denoscope.images import GaussianPictures, MixturePictures, Pictures
from denoscope.noise import karras_levels

SHAPE = (1, 8, 8)


@pytest.mark.parametrize("sigma", karras_levels(10).tolist())
def test_a_gaussian_denoiser_gives_its_own_matrix(learned, others, sigma):
    """On pictures as many directions vary in as in digits; dark corners, rank below d, included."""
    own, control = GaussianDenoiser.fit(others), GaussianDenoiser.fit(learned)
    covariance = (own.eigenvectors * own.eigenvalues) @ own.eigenvectors.T
    pictures = GaussianPictures(own.mean, covariance).sample(300, seed=1)
    assert own.rank < 64
    fit = fitted(own, pictures, sigma, 1, control, InputLaw.of(GaussianDenoiser.fit(pictures)))
    assert relative(gaussian_map(control, sigma).matrix, own.matrix(sigma)) > 0.05
    assert relative(fit.matrix, own.matrix(sigma)) < 1e-8
    torch.testing.assert_close(fit.bias, own.bias(sigma), rtol=0, atol=1e-8)


def test_any_affine_denoiser_gives_its_own_matrix_in_few_rows(learned, others):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(1, 64, 64, generator=generator, dtype=torch.float64) / 8
    b = torch.randn(1, 64, generator=generator, dtype=torch.float64)
    affine = LinearDenoiser(torch.tensor([2.0]), w, b, SHAPE)
    fit = fitted(affine, others.take(range(160)), 2.0, 1, GaussianDenoiser.fit(learned))
    assert relative(fit.matrix, w[0]) < 1e-6  # 160 rows a half, d = 64
    assert fit.error < 1e-5


def test_the_control_itself_is_left_as_it_is(learned, others):
    control = GaussianDenoiser.fit(learned)
    for sigma in (80.0, 1.5, 0.02):
        fit = fitted(control, others.take(range(20)), sigma, 1, control)  # 40 rows, d = 64
        assert relative(fit.matrix, control.matrix(sigma)) < 1e-9


@pytest.mark.parametrize("sigma", [4.066, 1.502, 0.47])
def test_an_optimum_on_its_own_data_gives_the_wiener_filter(learned, others, sigma):
    """The tower property: the multi-delta denoiser, which memorizes, is distilled to D_G."""
    delta, wiener = MultiDeltaDenoiser(learned), GaussianDenoiser.fit(learned)
    elsewhere = GaussianDenoiser.fit(others)  # a control that does not know the answer
    truth = wiener.matrix(sigma)
    before = relative(elsewhere.matrix(sigma), truth)
    few, many = (
        fitted(delta, learned, sigma, draws, elsewhere, InputLaw.of(wiener), True, inputs="train")
        for draws in (8, 128)
    )
    errors = [relative(fit.matrix, truth) for fit in (few, many)]
    assert errors[1] < 0.3 * before
    assert errors[1] < 0.45 * errors[0]  # 16 times the rows: a quarter, by 1 / sqrt(n)
    for fit, error in zip((few, many), errors, strict=True):
        assert 0.5 < error / (fit.error / float(truth.norm())) < 2


def test_a_memorizing_denoiser_on_other_pictures_is_not_the_wiener_filter(learned, others):
    delta, wiener, sigma = MultiDeltaDenoiser(learned), GaussianDenoiser.fit(learned), 0.47
    truth = wiener.matrix(sigma)
    own = fitted(delta, learned, sigma, 16, wiener, shared=True, inputs="train")
    other = fitted(delta, others, sigma, 4, wiener, InputLaw.of(GaussianDenoiser.fit(others)))
    assert relative(own.matrix, truth) < 0.1
    assert relative(other.matrix, truth) > 0.3


def test_noise_alone_gives_the_mean_derivative(learned):
    """x0 = 0: by Stein's lemma W = E dD/dy, here of a denoiser whose derivative is known."""
    spec = Spec("tanh", SHAPE)
    wavy = FunctionDenoiser(lambda x, sigma: torch.tanh(x) + 0.5, spec)
    control = GaussianDenoiser.fit(learned)
    law = InputLaw.of(control).of_noise
    fit = fitted(wavy, learned, 1.0, 200, control, law, True, inputs="noise")
    grid = torch.linspace(-8, 8, 20001, dtype=torch.float64)
    density = torch.exp(-(grid**2) / 2) / (2 * torch.pi) ** 0.5
    slope = float(torch.trapezoid(density / torch.cosh(grid) ** 2, grid))
    torch.testing.assert_close(fit.matrix, slope * torch.eye(64).double(), rtol=0, atol=0.02)
    torch.testing.assert_close(fit.bias, torch.full((64,), 0.5).double(), rtol=0, atol=0.02)


def test_fewer_rows_than_pixels_still_improve_on_the_gaussian():
    """d = 256, 120 rows of an optimum, which leaves nothing to find: little is lost to chance."""
    mixture = MixturePictures.random((1, 16, 16), components=4, rank=6, seed=3)
    pictures, truth = mixture.sample(1060, seed=0), mixture.denoiser()
    control = GaussianDenoiser.fit(pictures.take(range(60, 1060)))
    y = pictures.take(range(60, 1060)).floats().double()
    for sigma in (4.0, 1.0):
        fit = fitted(truth, pictures.take(range(60)), sigma, 1, control)
        noisy = y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
        target = truth(noisy, torch.tensor([sigma])).flatten(1)

        def error(matrix, bias, noisy=noisy, target=target):
            return float((noisy.flatten(1) @ matrix.T + bias - target).square().mean())

        assert error(fit.matrix, fit.bias) < 1.05 * error(
            control.matrix(sigma), control.bias(sigma)
        )


def test_fewer_rows_than_pixels_find_what_is_far_from_the_gaussian(learned, others):
    """An affine denoiser far from D_G in a few directions, d = 64, 40 rows: most of it is found."""
    control = GaussianDenoiser.fit(others)
    top = control.eigenvectors[:, :4]
    w = control.matrix(5.0) + top @ torch.diag(torch.tensor([1.0, -1.0, 0.7, 0.5]).double()) @ top.T
    odd = LinearDenoiser(torch.tensor([5.0]), w[None], torch.zeros(1, 64).double(), SHAPE)
    fit = fitted(odd, others.take(range(20)), 5.0, 1, control)
    assert relative(fit.matrix, w) < 0.35 * relative(control.matrix(5.0), w)


def test_pixels_without_variance_and_equal_pictures(learned):
    """Digits have dark corners; two pictures, each many times, have rank one."""
    flat = Pictures.from_tensor(learned.pixels[:2].repeat(20, 1, 1, 1))
    gaussian = GaussianDenoiser.fit(flat)
    assert gaussian.rank == 1
    for sigma in (10.0, 0.3):
        fit = fitted(MultiDeltaDenoiser(flat), flat, sigma, 4, gaussian, shared=True)
        assert bool(fit.matrix.isfinite().all())
        assert relative(fit.matrix, gaussian.matrix(sigma)) < 0.5
