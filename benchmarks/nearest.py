"""The eight nearest training pictures of generated ones, against faiss and cdist + topk.

    python benchmarks/nearest.py [--small]

faiss's `IndexFlatL2` is taken where faiss is installed (`pip install faiss-cpu`); cdist + topk is torch's, in
blocks of 256 queries. faiss's OpenBLAS is told the processor's kernels. Both expand distances in float32, and
so misplace near-duplicates: the training set holds a hundred pictures ten times with one grey level changed,
and a hundred queries are copies of these. `wrong` is the share of those copies whose nearest picture, by the
rival, is not the exact one. The memorization ratio is timed by itself: the same search, and the ratio of the
two distances of each query.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial

import torch
from comparing import Row, arguments, best_of, in_turn, keep, peak_bytes, synthetic_pictures
from torch import Tensor

from denoscope.images import Pictures
from denoscope.images.integers import centred_products, int8_pays
from denoscope.metrics import Memorization, memorization, nearest

__all__ = ["main", "with_near_duplicates"]

K = 8
CLAIM = (
    "The eight nearest of 60,000 pictures to each of 10,000. Ours are exact. same ids: share of the "
    "rival's ids that are right for ordinary queries; wrong: share of copies of near-duplicated pictures "
    "it assigns to another picture; copied: share of these copies that the memorization ratio finds. "
    "Bound: one product, in the arithmetic named."
)


def with_near_duplicates(pixels: Tensor, count: int) -> Tensor:
    """The set with its first `count` pictures ten times, each with one grey level changed elsewhere."""
    for copy in range(1, 10):
        changed = pixels[:count].flatten(1).clone()
        changed[:, copy * 7 % changed.shape[1]] ^= 1
        pixels[copy * count : (copy + 1) * count] = changed.reshape(count, *pixels.shape[1:])
    return pixels


def by_cdist(queries: Tensor, data: Tensor) -> Tensor:
    blocks = queries.split(256)
    return torch.cat([torch.cdist(q, data).topk(K, largest=False).indices for q in blocks])


def rivals(data: Tensor) -> list[tuple[str, Callable[[Tensor], Tensor]]]:
    found: list[tuple[str, Callable[[Tensor], Tensor]]] = [
        ("cdist + topk", lambda queries: by_cdist(queries, data))
    ]
    # The OpenBLAS within faiss takes newer processors for a Prescott, at a third of their speed.
    kernels = {"AVX512": "SkylakeX", "AVX2": "Haswell"}.get(torch.backends.cpu.get_cpu_capability())
    if kernels:
        os.environ.setdefault("OPENBLAS_CORETYPE", kernels)
    try:
        import faiss  # type: ignore[import-not-found]
    except ImportError:
        return found
    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexFlatL2(data.shape[1])
    index.add(data.numpy())
    return [
        *found,
        ("faiss IndexFlatL2", lambda q: torch.from_numpy(index.search(q.numpy(), K)[1])),
    ]


def product_seconds(d: int) -> float:
    """One value of a product of queries with pictures, int8 or float32, whichever is the faster."""
    rows = torch.randint(-128, 128, (2048, d), dtype=torch.int8)
    if int8_pays(rows.device):
        return best_of(lambda: centred_products(rows, rows), 3) / len(rows) ** 2
    floats = rows.float()
    return best_of(lambda: floats @ floats.T, 3) / len(rows) ** 2


def main(words: argparse.Namespace | None = None) -> list[Row]:
    words = words or arguments(__doc__)
    n, asked, shape, copies = (
        (400, 40, (1, 8, 8), 10) if words.small else (60_000, 10_000, (3, 32, 32), 100)
    )
    pixels = with_near_duplicates(synthetic_pictures(n, shape), copies)
    train, data = Pictures.from_tensor(pixels), pixels.flatten(1).float() / 127.5 - 1
    queries = synthetic_pictures(asked, shape, seed=1).float() / 127.5 - 1
    queries[:copies] = train.floats(slice(5 * copies, 6 * copies))
    flat, d = queries.flatten(1), data.shape[1]
    bound = product_seconds(d) * n * asked
    right = nearest(queries, train, K).positions
    grown = peak_bytes(partial(nearest, queries, train, K)) >> 20
    rows: list[Row] = []
    found: list[Memorization] = []
    for name, search in rivals(data):
        ids = search(flat)
        row: Row = {"n": n, "d": d, "queries": asked, "rival": name}
        row |= in_turn(partial(nearest, queries, train, K), partial(search, flat), words.repeats)
        row["bound_seconds"] = round(bound, 3)
        row["arithmetic"] = "int8" if int8_pays(data.device) else "float32"
        row["same_ids"] = float((ids == right)[copies:].float().mean())
        row["wrong"] = float((ids != right)[:copies, 0].float().mean())
        row["grown_mb"] = grown
        rows.append(row)
        print(row, flush=True)
        keep(words, "nearest", CLAIM, rows)
    groups = torch.arange(n)
    groups[: 10 * copies] %= copies  # a picture and its near-duplicates are one
    row = {"n": n, "d": d, "queries": asked, "rival": "none: the memorization ratio"}
    seconds = best_of(lambda: found.append(memorization(queries, train, groups)), 0)
    row |= {"ours_seconds": round(seconds, 4), "bound_seconds": round(bound, 3)}
    assert bool((found[0].neighbours.positions == right).all())
    rows.append(row | {"copied": float(found[0].copied[:copies].float().mean())})
    print(rows[-1], flush=True)
    keep(words, "nearest", CLAIM, rows)
    return rows


if __name__ == "__main__":
    main()
