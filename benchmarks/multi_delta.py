"""The multi-delta denoiser against the forms it is usually written in.

    python benchmarks/multi_delta.py [--small] [--device cuda]     # gpu: the same on one

The rivals (`rival_denoisers`) are smalldiffusion's IdealDenoiser (norms, one product, softmax, another
product: the fastest known to us), deepinv's MMSE, and torch.cdist, softmax and a product, all in float32. Ten
levels are ten calls of the rival and one of ours. Errors are relative to float64 brute force on four of the
pictures, the worst of ten levels. The bound is the products that cannot be left out, at the rate of a large
product on this machine: two, and one for each level at which more than 1/128 of the pictures weigh more than
1e-6 / N of the heaviest (`support`); in float32, or in int8 where that is the faster: four for the scores (a
picture is one slice, noise three) and three bytes of weights a level. Each level alone is kept with its
effective number of pictures.
"""

import argparse
import itertools
import math
import statistics
from functools import partial

import torch
from comparing import Row, arguments, best_of, in_turn, keep, peak_bytes, synthetic_pictures
from rival_denoisers import Rival, rivals
from torch import Tensor

from denoscope.closed_form import MultiDeltaDenoiser
from denoscope.images.integers import int8_pays, int8_products
from denoscope.noise import karras_levels

__all__ = ["main", "rows_of"]


def truth(data: Tensor, x: Tensor, sigma: float) -> tuple[Tensor, float]:
    """The same by explicit differences in float64, and the share of pictures that matter."""
    parts = [part.double() / 127.5 - 1 for part in data.split(4096)]
    out, support = [], 0.0
    for row in x.double():
        squared = torch.cat([(part - row).square().sum(1) for part in parts])
        exponent = -squared / (2 * sigma**2)
        weights = torch.softmax(exponent, 0).split(4096)
        out.append(sum((w @ part for w, part in zip(weights, parts, strict=True)), row * 0))
        floor = exponent.max() - math.log(1e6 * len(data))
        support += float((exponent > floor).double().mean()) / len(x)
    return torch.stack(out), support


def rows_of(
    n: int, shape: tuple[int, int, int], batches: list[int], repeats: int, device: str = "cpu"
) -> list[Row]:
    """Ten levels at once, a row a batch and rival; and one level, the median of the ten, for the fastest."""
    d = shape[0] * shape[1] * shape[2]
    pixels = synthetic_pictures(n, shape).to(device)
    beside = rivals(pixels.float() / 127.5 - 1)
    fastest = next(iter(beside))
    ours, levels = MultiDeltaDenoiser(pixels), karras_levels(10)
    a, b = torch.randn(1024, d, device=device), torch.randn(min(n, 1024), d, device=device)
    whole = int8_pays(a.device)
    if whole:
        a, b = (part.mul(40).clamp(-128, 127).to(torch.int8) for part in (a, b))
    multiply = int8_products if whole else lambda a, b: a @ b.T
    rate = 2 * a.numel() * len(b) / best_of(lambda: multiply(a, b), 3)
    all_x0 = synthetic_pictures(max(batches), shape, seed=1).float() / 127.5 - 1
    all_eps = torch.randn(all_x0.shape, generator=torch.Generator().manual_seed(2))
    all_x0, all_eps = all_x0.to(device), all_eps.to(device)
    right = [
        truth(pixels.flatten(1), (all_x0[:4] + sigma * all_eps[:4]).flatten(1), sigma)
        for sigma in levels.tolist()
    ]
    dense = sum(support > 1 / 128 for _, support in right)
    products = 4 + 3 * dense if whole else 2 + dense
    rows = []
    for batch, (name, rival) in itertools.product(batches, beside.items()):
        x0, eps = all_x0[:batch], all_eps[:batch]
        noisy = [(sigma, x0 + sigma * eps) for sigma in levels.tolist()]

        def theirs(noisy: list[tuple[float, Tensor]] = noisy, rival: Rival = rival) -> None:
            for sigma, x in noisy:
                rival(x, sigma)

        at_once = partial(ours.posterior_at_levels, x0, eps, levels)
        found = at_once()
        off = [_error(one.x0_hat, mean) for one, (mean, _) in zip(found, right, strict=True)]
        row: Row = {"n": n, "d": d, "batch": batch, "rival": name, "levels": "ten at once"}
        row |= in_turn(at_once, theirs, repeats)
        row |= {"bound_seconds": round(products * 2 * batch * n * d / rate, 4)}
        row |= {"dense_levels": dense, "error": max(off), "grown_mb": peak_bytes(at_once) >> 20}
        rows.append(row)
        print(row, flush=True)
        if name != fastest:
            continue
        alone: list[Row] = []
        for (sigma, x), one, (mean, support) in zip(noisy, found, right, strict=True):
            level = torch.tensor([sigma], device=device)
            one_level: Row = {"sigma": float(f"{sigma:.3g}")}
            one_level |= in_turn(partial(ours, x, level), partial(rival, x, sigma), repeats)
            one_level |= {"effective": float(one.effective_number.median()), "support": support}
            alone.append(one_level | {"error": _error(ours(x[:4], level), mean)})
            print(alone[-1], flush=True)
        rows.append(_median_level(alone) | {"n": n, "d": d, "batch": batch, "rival": name})
    return rows


def _median_level(alone: list[Row]) -> Row:
    ratios = [row["ratio"] for row in alone]
    return {
        "levels": "one",
        **{
            name: round(statistics.median(row[name] for row in alone), 4)
            for name in ("ours_seconds", "rival_seconds", "ratio")
        },
        "ratio_range": [min(ratios), max(ratios)],
        "repeats": alone[0]["repeats"],
        "error": max(row["error"] for row in alone),
        "each": alone,
    }


def _error(got: Tensor, right: Tensor) -> float:
    got = got[: len(right)].flatten(1).double()
    right = right[: len(got)]
    return float((got - right).norm() / right.norm())


def main(words: argparse.Namespace | None = None) -> list[Row]:
    words = words or arguments(__doc__)
    sizes = [
        (20_000, (1, 28, 28)),
        (60_000, (1, 28, 28)),
        (20_000, (3, 32, 32)),
        (60_000, (3, 32, 32)),
    ]
    batches = [1, 32, 256]
    if words.small:
        sizes, batches = [(500, (1, 8, 8))], [3]
    rows: list[Row] = []
    for n, shape in sizes:
        rows += rows_of(n, shape, batches, words.repeats, words.device)
        keep(
            words,
            "multi_delta",
            "The multi-delta denoiser, ten levels at once, and one (the median of the ten, with the "
            "extremes over the levels), in seconds; ratio is the rival's time over ours. Wanted: ten levels "
            "8 times at a batch of 32 and 4 times at 256, one level 2.5 times.",
            rows,
        )
    return rows


if __name__ == "__main__":
    main()
