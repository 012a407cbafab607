import pytest
import torch

from denoscope.auditing.inputs import input_batches
from denoscope.noise import noise


@pytest.mark.parametrize(
    ("batch", "sizes"), [(2, [2] * 5 + [1]), (7, [6, 5]), (64, [11]), (1, None)]
)
def test_batches_cut_one_stream_in_even_pieces(few_digits, batch, sizes):
    train = few_digits[0]
    parts = list(input_batches("train", train, 11, train.shape, seed=3, batch=batch))
    if sizes:
        assert [len(part.ids) for part in parts] == sizes
    assert all(len(part.ids) % 2 == 0 for part in parts[:-1])  # pairs are never parted
    ids = [i for part in parts for i in part.ids]
    assert ids == train.ids[:11].tolist()
    assert torch.equal(torch.cat([part.x0 for part in parts]), train.floats(slice(0, 11)))
    eps = torch.cat([part.eps for part in parts])
    assert torch.equal(eps, noise(ids, train.shape, seed=3, stream="train"))


def test_kinds_and_seeds_share_no_noise(few_digits):
    train = few_digits[0]
    drawn = [
        next(input_batches(kind, train, 4, train.shape, seed=seed, batch=4)).eps
        for kind in ("train", "held_out")
        for seed in (0, 1)
    ]
    for i in range(4):
        for j in range(i):
            assert not bool((drawn[i] == drawn[j]).any())


def test_noise_alone_has_no_picture():
    part = next(input_batches("noise", None, 4, (1, 8, 8), seed=0, batch=4))
    assert part.ids == [0, 1, 2, 3]
    assert torch.equal(part.at(2.5), 2.5 * part.eps)
