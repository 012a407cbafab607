"""LinearDenoiser: eq. 8 at its levels and nowhere else, kept whole on disk."""

import pytest
import torch

from denoscope.checkpoints import describe_model, open_denoiser
from denoscope.closed_form import GaussianDenoiser, LinearDenoiser
from denoscope.denoiser import snap_to_levels
from denoscope.errors import InputError, SigmaOutOfRange
from denoscope.noise import noise

SHAPE = (1, 8, 8)
LEVELS = torch.tensor([0.5, 20.0, 2.0], dtype=torch.float64)  # in no order


@pytest.fixture
def gaussian(few_digits):
    return GaussianDenoiser.fit(few_digits[0])


@pytest.fixture
def linear(gaussian):
    """The Gaussian denoiser at three levels, as a linear one."""
    return of(gaussian, LEVELS)


def of(gaussian, levels, dtype=torch.float64):
    matrices = torch.stack([gaussian.matrix(s) for s in levels.tolist()]).to(dtype)
    biases = torch.stack([gaussian.bias(s) for s in levels.tolist()]).to(dtype)
    return LinearDenoiser(levels, matrices, biases, SHAPE)


def test_it_is_w_x_plus_b_at_each_level_of_a_mixed_batch(gaussian, linear):
    x = noise(range(6), SHAPE, seed=0, stream="test").double()
    sigma = torch.tensor([2.0, 0.5, 20.0, 2.0, 2.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(linear(x, sigma), gaussian(x, sigma), rtol=0, atol=1e-12)
    for level in LEVELS.tolist():
        torch.testing.assert_close(linear.matrix(level), gaussian.matrix(level))
        torch.testing.assert_close(linear.bias(level), gaussian.bias(level))


def test_its_levels_are_sorted_and_it_knows_no_other(linear):
    assert linear.spec.levels.tolist() == [20.0, 2.0, 0.5]
    assert (linear.spec.sigma_min, linear.spec.sigma_max) == (0.5, 20.0)
    x = torch.zeros(1, *SHAPE)
    for level in (1.0, 2.001, 19.9):
        with pytest.raises(SigmaOutOfRange, match=r"it knows 20, 2, 0\.5 alone"):
            linear(x, torch.tensor([level]))
        with pytest.raises(SigmaOutOfRange):
            linear.matrix(level)
    wanted = snap_to_levels(linear.spec, torch.tensor([1.1, 90.0], dtype=torch.float64))
    assert wanted.tolist() == [2.0, 20.0]
    linear(x, wanted[:1].float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_saved_and_loaded_it_is_the_same(tmp_path, gaussian, dtype):
    linear = of(gaussian, LEVELS, dtype)
    linear.save(tmp_path / "a.safetensors")
    back = LinearDenoiser.load(tmp_path / "a.safetensors")
    assert back.matrices.dtype == dtype
    assert torch.equal(back.matrices, linear.matrices)
    assert torch.equal(back.biases, linear.biases)
    assert (back.spec.name, back.spec.shape) == (linear.spec.name, linear.spec.shape)
    assert torch.equal(back.spec.levels, linear.spec.levels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_door_opens_it(tmp_path, linear):
    path = tmp_path / "linear.safetensors"
    linear.save(path)
    for where in (path, str(path)):
        assert torch.equal(open_denoiser(where).matrices, linear.matrices)
    assert describe_model(path).family == "linear distillation"
    (tmp_path / "distillation.json").write_text("{}")
    model = describe_model(tmp_path)
    assert (model.family, model.parameters) == ("linear distillation", 3 * (64 * 64 + 64))
    path.unlink()
    with pytest.raises(InputError, match="is not finished: run `denoscope distill`"):
        open_denoiser(tmp_path)


def test_a_broken_file_is_refused_in_words(tmp_path, linear):
    path = tmp_path / "linear.safetensors"
    linear.save(path)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"nonsense" * 10):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no whole linear denoiser"):
            LinearDenoiser.load(path)
    with pytest.raises(InputError, match="no whole linear denoiser"):
        LinearDenoiser.load(tmp_path / "nowhere.safetensors")


def test_parts_that_do_not_fit_are_refused():
    one, w, b = torch.ones(1), torch.zeros(1, 64, 64), torch.zeros(1, 64)
    with pytest.raises(InputError, match=r"give \(L,\), \(L, 64, 64\) and \(L, 64\)"):
        LinearDenoiser(one, w, b[:, :63], SHAPE)
    with pytest.raises(InputError, match="NaN or infinity"):
        LinearDenoiser(one, w / 0, b, SHAPE)
    for levels in (torch.tensor([0.0]), torch.tensor([-1.0])):
        with pytest.raises(InputError, match="positive ones, each once"):
            LinearDenoiser(levels, w, b, SHAPE)
    with pytest.raises(InputError, match="each once"):
        LinearDenoiser(torch.ones(2), w.repeat(2, 1, 1), b.repeat(2, 1), SHAPE)
