"""The evidence of finished samples: are they training pictures? Always beside a held-out control.

GL (Li et al. 2024, eq. 14) and the copy rule d1 / d2 < 1/3 depend on the data and on N: real pictures
that the model never saw, measured against the same training set, say what "no copying" looks like.
Without held-out pictures some training pictures are measured against the rest of the training set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from denoscope.auditing.bench import Bench
from denoscope.auditing.inputs import rows_at_once
from denoscope.auditing.measuring import Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.denoiser import Denoiser
from denoscope.images import Pictures, split_permutation
from denoscope.metrics import Memorization, Nearest, gl_pixel, memorization
from denoscope.noise import noise
from denoscope.sampling import Step, trajectory

__all__ = ["SampleEvidence", "Samples", "sample_evidence"]


@dataclass(frozen=True)
class Samples:
    """Finished pictures of one denoiser, (n, C, H, W), and the first few on their way."""

    finals: Tensor
    way: Tensor
    """x0_hat by level, (m, levels, C, H, W)."""


@dataclass(frozen=True)
class SampleEvidence:
    """What sampling left: pictures by denoiser, rows of samples.parquet, and for each network sample
    the position of the nearest training picture."""

    drawn: dict[str, Samples]
    rows: list[dict[str, Any]]
    nearest: Tensor


def sample_evidence(
    bench: Bench,
    recorder: Recorder,
    train: Pictures,
    held_out: Pictures | None,
    groups: Tensor,
    levels: list[Level],
    *,
    count: int,
    rivals: bool = True,
) -> SampleEvidence:
    """Draw `count` samples of each denoiser from the same noise; measure them and the control.

    groups: int64 (N,), the near-duplicate group of each training picture. rivals: whether the
    Gaussian and the multi-delta draw too.
    """
    rows: list[dict[str, Any]] = []
    nearest = torch.zeros(0, dtype=torch.int64)
    if count == 0:
        return SampleEvidence({}, rows, nearest)
    drawn = _draw(bench, count, levels, seed=recorder.seed, rivals=rivals)
    asked = [(name, one.finals, list(range(count))) for name, one in drawn.items()]
    if held_out is not None:
        control = held_out.take(slice(0, min(count, len(held_out))))
        asked.append(("", control.floats(), control.ids.tolist()))
    # One search for all: the training pictures pass by once.
    whole = memorization(torch.cat([queries for _, queries, _ in asked]), train, groups)
    start = 0
    for name, queries, numbers in asked:
        found = _part(whole, slice(start, start + len(queries)))
        start += len(queries)
        _record(recorder, found, queries, numbers, name, "noise" if name else "held_out")
        rows += _rows(recorder.seed, found, queries, numbers, train, name)
        if name == "network":
            nearest = found.neighbours.positions[:, 0]
    if held_out is None:
        kept = min(count, len(train) // 2)
        order = split_permutation(len(train), recorder.seed)
        control, rest = train.take(order[:kept]), train.take(order[kept:])
        queries = control.floats()
        found = memorization(queries, rest, groups[order[kept:]])
        _record(recorder, found, queries, control.ids.tolist(), "", "train")
    return SampleEvidence(drawn, rows, nearest)


def _part(whole: Memorization, rows: slice) -> Memorization:
    """Of some of the queries."""
    near = whole.neighbours
    return Memorization(
        whole.ratio[rows],
        whole.copied[rows],
        whole.outside_id[rows],
        whole.outside_distance[rows],
        whole.group_size[rows],
        Nearest(near.ids[rows], near.positions[rows], near.distances[rows]),
    )


class _Timed:
    """The audited network with its clock, as a denoiser for the solver."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.spec = bench, bench.network.spec

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.bench.network_at(x, float(sigma))


def _draw(
    bench: Bench,
    count: int,
    levels: list[Level],
    *,
    seed: int,
    rivals: bool,
    shown: int = 4,
) -> dict[str, Samples]:
    """The same noise through network, Gaussian and multi-delta, by Euler over the levels (eq. 4)."""
    denoisers: dict[str, Denoiser] = {"network": _Timed(bench)}
    if rivals:
        denoisers |= {"gaussian": bench.gaussian, "multi_delta": bench.multi_delta}
    drawn: dict[str, Samples] = {}
    grid = [level.used for level in levels]
    batch = rows_at_once(bench.network.spec.shape)
    for name, denoiser in denoisers.items():
        finals, way = [], []
        for start in range(0, count, batch):
            numbers = range(start, min(start + batch, count))
            eps = noise(numbers, bench.network.spec.shape, seed=seed, stream="sample").to(
                bench.device
            )
            with torch.no_grad():
                steps: list[Step] = list(trajectory(denoiser, eps, grid))
            finals.append(steps[-1].x0_hat.float().cpu())
            if start == 0:
                way = [step.x0_hat[:shown].float().cpu() for step in steps]
        drawn[name] = Samples(torch.cat(finals), torch.stack(way, dim=1))
    return drawn


def _record(
    recorder: Recorder,
    found: Memorization,
    queries: Tensor,
    numbers: Sequence[int],
    denoiser: str,
    inputs: str,
) -> None:
    """GL and the copy rule for samples of `denoiser`, or for real pictures where it is ""."""
    gl = gl_pixel(queries, found.neighbours.distances[:, 0])
    gl = torch.where(gl.isinf(), torch.nan, gl)  # undefined for an all-zero picture
    copied = torch.where(found.ratio.isnan(), torch.nan, found.copied.double())
    recorder.add(Key("gl_pixel", denoiser, "", inputs), numbers, gl)
    recorder.add(Key("memorization_ratio", denoiser, "", inputs), numbers, copied)


def _rows(
    seed: int,
    found: Memorization,
    queries: Tensor,
    numbers: Sequence[int],
    train: Pictures,
    denoiser: str,
) -> list[dict[str, Any]]:
    """Rows of samples.parquet."""
    nearest_id, nearest_distance = found.neighbours.ids[:, 0], found.neighbours.distances[:, 0]
    gl = gl_pixel(queries, nearest_distance)
    judged = ~found.ratio.isnan()
    return [
        {
            "cell": "",
            "seed": seed,
            "denoiser": denoiser,
            "source": "sample" if denoiser else "held_out",
            "number": number,
            "nearest_id": int(nearest_id[row]),
            "nearest_distance": float(nearest_distance[row]),
            "outside_id": int(found.outside_id[row]) if judged[row] else None,
            "outside_distance": float(found.outside_distance[row]) if judged[row] else None,
            "ratio": float(found.ratio[row]) if judged[row] else None,
            "group_size": int(found.group_size[row]),
            "gl": float(gl[row]),
            "copied": bool(found.copied[row]),
            "nearest_name": train.names(int(nearest_id[row])),
        }
        for row, number in enumerate(numbers)
    ]
