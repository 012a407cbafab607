import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.images import Pictures


@pytest.fixture
def pictures() -> Pictures:
    pixels = torch.randint(0, 256, (50, 3, 4, 5), dtype=torch.uint8)
    return Pictures.from_tensor(pixels, source="toy")


def test_floats_are_u8_over_127_5_minus_1():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    got = Pictures.from_tensor(pixels).floats()
    assert got.dtype == torch.float32
    want = torch.from_numpy(np.arange(256) / 127.5 - 1).reshape(1, 1, 16, 16)
    torch.testing.assert_close(got.double(), want, atol=1e-7, rtol=0)
    assert got.min() == -1
    assert got.max() == 1


def test_a_subset_keeps_ids_names_and_pixels(pictures):
    part = pictures.take([7, 3, 40]).take(torch.tensor([2, 0]))
    assert part.ids.tolist() == [40, 7]
    assert part.names(40) == "toy[40]"
    assert torch.equal(part.pixels, pictures.pixels[[40, 7]])
    assert torch.equal(part.floats([1]), pictures.floats([7]))
    assert torch.equal(part.stored(slice(0, 1)), pictures.pixels[40:41])
    assert part.shape == (3, 4, 5)


def test_split_is_nested_complete_and_fixed_for_ever(pictures):
    small, rest = pictures.split(8, seed=3)
    large, _ = pictures.split(32, seed=3)
    assert torch.equal(large.ids[:8], small.ids)
    assert sorted([*small.ids.tolist(), *rest.ids.tolist()]) == list(range(50))
    assert not torch.equal(pictures.split(8, seed=4)[0].ids, small.ids)
    # Written down once: a change of these would orphan every run folder.
    assert pictures.split(5, seed=0)[0].ids.tolist() == [39, 15, 45, 10, 32]


def test_twins_are_disjoint_and_the_first_is_the_split(pictures):
    one, two, rest = pictures.twins(20, seed=1)
    assert torch.equal(one.ids, pictures.split(20, seed=1)[0].ids)
    assert sorted(torch.cat([one.ids, two.ids, rest.ids]).tolist()) == list(range(50))


def test_everything_for_training_leaves_an_empty_held_out(pictures):
    train, held_out = pictures.split(50)
    assert len(train) == 50
    assert len(held_out) == 0
    assert held_out.pixels.shape == (0, 3, 4, 5)
    assert len(held_out.fingerprint) == 64


def test_fingerprint_is_of_the_content_alone(pictures):
    copy = Pictures.from_tensor(pictures.pixels.clone(), source="elsewhere")
    strided = pictures.pixels.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert copy.fingerprint == pictures.fingerprint
    assert Pictures.from_tensor(strided).fingerprint == pictures.fingerprint
    assert pictures.take(slice(0, 50)).fingerprint == pictures.fingerprint
    changed = pictures.pixels.clone()
    changed[49, 2, 3, 4] ^= 1
    reshaped = pictures.pixels.reshape(50, 3, 5, 4)
    for other in (
        Pictures.from_tensor(changed),
        Pictures.from_tensor(reshaped),
        pictures.take(slice(1, 50)),
        pictures.take(torch.arange(49, -1, -1)),
    ):
        assert other.fingerprint != pictures.fingerprint


def test_latents_are_scaled_on_use_and_have_their_own_fingerprint():
    latents = torch.randn(6, 4, 2, 2)
    pictures = Pictures.from_latents(latents, scale=0.5)
    torch.testing.assert_close(pictures.floats([1]), latents[1:2] * 0.5)
    assert pictures.split(4)[0].scale == 0.5
    assert pictures.fingerprint != Pictures.from_latents(latents, scale=0.25).fingerprint


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.split(51), "51 training pictures asked of toy, which has 50"),
        (lambda p: p.split(0), "give 1 to 50"),
        (lambda p: p.split(5, seed=-1), "seed -1"),
        (lambda p: p.twins(26), "give 1 to 25"),
        (lambda p: p.take([50]), "numbered from 0"),
        (lambda p: p.take([-51]), "numbered from 0"),
        (lambda p: p.names(50), "ids run from 0 to 49"),
        (lambda p: Pictures.from_tensor(p.floats()), "give torch.uint8"),
        (lambda p: Pictures.from_tensor(p.pixels[0]), "give"),
        (lambda p: Pictures.from_tensor(p.pixels[:0]), "none of them 0"),
        (lambda p: Pictures.from_latents(p.pixels), "give floats"),
        (lambda p: Pictures.from_latents(p.floats() / 0), "NaN or infinity"),
        (lambda p: Pictures.from_latents(p.floats(), scale=0.0), "positive"),
    ],
)
def test_wrong_use_is_one_clear_line(pictures, call, message):
    with pytest.raises(InputError, match=message) as caught:
        call(pictures)
    assert "\n" not in str(caught.value)
