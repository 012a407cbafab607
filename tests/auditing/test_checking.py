"""A model that was opened rightly is never accused; each mistake in opening it is told by its name."""

import math

import pytest
import torch
from planted_mistakes import MISTAKES, planted

from denoscope.auditing import check_model
from denoscope.auditing.readings import EDM, FLOW, PRESERVING, STRAIGHT
from denoscope.auditing.told_levels import SCHEDULES, reversed_levels, taken_for
from denoscope.checkpoints.runs import untrained_run
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, LevelwiseDenoiser, Spec
from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
from denoscope.networks import NetworkSettings
from denoscope.noise import noise
from denoscope.training import TrainSettings


@pytest.fixture(scope="module")
def gaussian(digits):
    return GaussianDenoiser.fit(digits)


@pytest.fixture(scope="module")
def delta(digits):
    return MultiDeltaDenoiser(digits.take(range(400)))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_with_a_closed_form_is_named(mistake, gaussian, digits):
    check = check_model(planted(mistake, gaussian), digits)
    assert check.mistake == mistake, check.reason
    assert check.verdict == "mistake"
    assert check.fault in check.reason
    assert check.fix in check.reason


@pytest.mark.parametrize(
    "mistake", [one for one in MISTAKES if one not in ("sigma-halved", "sigma-doubled")]
)
def test_a_mistake_with_the_multi_delta_is_named(mistake, delta, digits):
    """All but half and twice sigma, which cost what knows its pictures by heart next to nothing."""
    check = check_model(planted(mistake, delta), digits.take(range(400)))
    assert check.mistake == mistake, check.reason


def test_colours_exchanged_are_named(digits):
    pixels = digits.pixels[:600].repeat(1, 3, 1, 1)
    pixels[:, 0] //= 2
    pixels[:, 2] //= 4
    pictures = Pictures.from_tensor(pixels)
    good = GaussianDenoiser.fit(pictures)
    assert check_model(good, pictures).behaves
    assert check_model(planted("bgr", good), pictures).mistake == "bgr"


@pytest.mark.parametrize("n", [16, 64, 400])
@pytest.mark.parametrize("make", [GaussianDenoiser.fit, MultiDeltaDenoiser])
def test_closed_forms_behave_on_their_own_pictures(n, make, digits):
    pictures = digits.take(range(n))
    check = check_model(make(pictures), pictures, seed=n)
    assert check.behaves, check.reason
    assert check.mistake == check.fault == check.fix == ""
    assert all(level.corrected is None for level in check.levels)


@pytest.mark.parametrize("make", [GaussianDenoiser.fit, MultiDeltaDenoiser])
def test_what_knows_other_pictures_is_told_so_and_not_accused(make, digits):
    check = check_model(make(digits.take(range(16))), digits)
    assert check.verdict == "unexplained"
    assert "it knows other pictures" in check.reason


def test_an_untrained_network_is_not_accused(digits):
    network = NetworkSettings(arch="ddpmpp", shape=(1, 8, 8), width=8, blocks=1)
    check = check_model(untrained_run(TrainSettings(network=network)), digits)
    assert check.verdict == "unexplained", check.reason


def test_noise_for_an_answer_is_not_explained(digits):
    def answer(x, sigma):
        return noise(range(len(x)), (1, 8, 8), seed=1, stream="test")

    check = check_model(FunctionDenoiser(answer, Spec("noise", (1, 8, 8))), digits)
    assert check.verdict == "unexplained"


def test_what_is_measured_at_a_level(gaussian, digits):
    seen = []
    check = check_model(gaussian, digits, count=200, seed=3, on_evaluations=seen.append)
    assert sum(seen) == 2000  # what behaves is asked no more
    assert [level.sigma for level in check.levels] == sorted(
        (level.sigma for level in check.levels), reverse=True
    )
    for level in check.levels:
        assert level.nothing == pytest.approx(level.sigma, rel=0.03)
        assert level.error.value == pytest.approx(level.gaussian, rel=0.03)
        assert level.bias < 0.1 * level.mean
        assert level.outside < 0.01
    middle = check.levels[5:]
    assert all(abs(level.slope.value - 1) < 5 * level.slope.se for level in middle)
    assert all(level.residual < 0.5 for level in middle)


def test_a_model_of_levels_of_its_own_is_asked_at_these(gaussian, digits):
    own = LevelwiseDenoiser(dict.fromkeys((5.0, 1.0, 0.2), gaussian))
    check = check_model(own, digits)
    assert [level.sigma for level in check.levels] == [5.0, 1.0, 0.2]
    assert check.behaves


def test_bad_input(gaussian, digits):
    with pytest.raises(InputError, match=r"\(1, 8, 8\)"):
        check_model(gaussian, Pictures.from_tensor(torch.zeros(9, 1, 4, 4, dtype=torch.uint8)))
    with pytest.raises(InputError, match="3 or more"):
        check_model(gaussian, digits.take(range(2)))
    with pytest.raises(InputError, match="at least 3"):
        check_model(gaussian, digits, count=1)
    broken = FunctionDenoiser(lambda x, s: x * math.nan, gaussian.spec)
    with pytest.raises(RunError, match="not finite"):
        check_model(broken, digits)


@pytest.mark.parametrize("reading", [*PRESERVING.values(), *FLOW.values(), *STRAIGHT.values(), EDM])
@pytest.mark.parametrize("sigma", [0.01, 1.0, 30.0])
def test_a_reading_and_its_inverse(reading, sigma):
    x, d = noise(range(2), (1, 4, 4), seed=0, stream="test").double().split(1)
    raw = reading.raw(d, x, sigma)
    torch.testing.assert_close(reading.denoised(raw, x, sigma), d, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("true", SCHEDULES)
@pytest.mark.parametrize("assumed", SCHEDULES)
def test_one_schedule_taken_for_another_and_back(true, assumed):
    for sigma in (0.05, 1.0, 10.0):
        asked = taken_for(assumed, true)(sigma)
        assert taken_for(true, assumed)(asked) == pytest.approx(sigma, rel=1e-6)
    assert math.isnan(taken_for(assumed, true)(1e6))


def test_reversed_levels_are_mirrored():
    (own,) = reversed_levels(Spec("own", (1, 2, 2), levels=torch.tensor([4.0, 1.0, 0.1]).double()))
    assert [own(4.0), own(1.0), own(0.1)] == pytest.approx([0.1, 1.0, 4.0])
    ways = reversed_levels(Spec("all", (1, 2, 2), 0.1, 10.0))
    assert ways[0](4.0) == 0.25
    assert ways[-1](10.0) == pytest.approx(0.1)


# With this network their errors stay below those of the simple denoisers: the check sees nothing.
UNSEEN = {"sigma-halved", "sigma-doubled", "transposed"}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["", *(name for name in MISTAKES if name not in UNSEEN)])
def test_a_mistake_with_a_real_network_is_named(mistake):
    from denoscope.checkpoints import describe_model
    from denoscope.images import open_images

    model = describe_model("bundled:mnist-4000")
    train, _ = model.record.data.split(open_images("mnist-5k"))
    check = check_model(planted(mistake, model.denoiser), train, count=16)
    assert check.mistake == mistake, check.reason


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist-64", "mnist-4000"])
def test_bundled_networks_behave_on_what_they_were_trained_on(name):
    from denoscope.checkpoints import describe_model
    from denoscope.images import open_images

    model = describe_model(f"bundled:{name}")
    train, held_out = model.record.data.split(open_images("mnist-5k"))
    assert check_model(model.denoiser, train).behaves
    assert check_model(model.denoiser, held_out).mistake == ""
