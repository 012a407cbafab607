"""The k best of scores that come in tiles, against sorting all of them."""

import pytest
import torch

from denoscope.images import shortlist
from denoscope.images.shortlist import Shortlist, ranked


@pytest.mark.parametrize("listed", [50, 1 << 22])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
@pytest.mark.parametrize(("n", "k", "tile"), [(3000, 4, 256), (3000, 4, 1000), (90, 90, 31)])
def test_the_best_are_listed_and_little_else(monkeypatch, n, k, tile, dtype, listed):
    monkeypatch.setattr(shortlist, "LISTED", listed)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(-800, 800, (n, 6), generator=generator).to(dtype)  # with many ties
    near = Shortlist(6, k, n, scores)
    for start in range(0, n, tile):
        near.add(start, scores[start : start + tile])
    query, picture, score = near.entries()
    assert torch.equal(scores[picture, query], score)
    for one in range(6):
        kth = scores[:, one].topk(k).values[-1]
        wanted = (scores[:, one] >= kth).nonzero()[:, 0]
        assert torch.equal(picture[query == one].sort().values, wanted)


def test_what_rounds_lists_what_it_may_hide():
    scores = torch.arange(2000.0)[:, None].expand(-1, 2).contiguous()
    near = Shortlist(2, 3, 2000, scores, lambda best: best - torch.tensor([0.0, 10.0]))
    for start in range(0, 2000, 130):
        near.add(start, scores[start : start + 130])
    query, picture, _ = near.entries()
    assert picture[query == 0].tolist() == [1999, 1998, 1997]
    assert picture[query == 1].tolist() == list(range(1999, 1986, -1))


def test_excluded_pictures_are_not_listed():
    scores = torch.full((100, 2), float("-inf"))
    scores[40, 1] = 1.0
    near = Shortlist(2, 2, 100, scores)
    near.add(0, scores)
    query, picture, _ = near.entries()
    assert (query.tolist(), picture.tolist()) == ([1], [40])


def test_places_within_a_query():
    query = torch.tensor([2, 0, 2, 0, 2])
    order, rank = ranked(query, torch.tensor([5, 1, 3, 1, 4]))
    assert order.tolist() == [1, 3, 2, 4, 0]
    assert rank.tolist() == [0, 1, 0, 1, 2]
