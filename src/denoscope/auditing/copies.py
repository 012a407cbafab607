"""The evidence of finished samples: are they training pictures? Always beside a held-out control.

GL (Li et al. 2024, eq. 14) and the copy rule d1 / d2 < 1/3 depend on the data and on N: real pictures
that the model never saw, measured against the same training set, say what "no copying" looks like.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from denoscope.auditing.measuring import Bench, Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.images import Pictures
from denoscope.metrics import Memorization, gl_pixel, memorization
from denoscope.noise import noise
from denoscope.sampling import Step, trajectory

__all__ = ["Samples", "draw_samples", "record_copies"]


@dataclass(frozen=True)
class Samples:
    """Finished pictures of one denoiser, (n, C, H, W), and the first few on their way."""

    finals: Tensor
    way: Tensor
    """x0_hat by level, (m, levels, C, H, W)."""


class _Timed:
    """The audited network with its clock, as a denoiser for the solver."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.spec = bench, bench.network.spec

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.bench.network_at(x, float(sigma))


def draw_samples(
    bench: Bench, count: int, levels: list[Level], *, seed: int, batch: int, shown: int = 4
) -> dict[str, Samples]:
    """The same noise through network, Gaussian and multi-delta, by Euler over the levels (eq. 4)."""
    denoisers = {
        "network": _Timed(bench),
        "gaussian": bench.gaussian,
        "multi_delta": bench.multi_delta,
    }
    drawn: dict[str, Samples] = {}
    grid = [level.used for level in levels]
    for name, denoiser in denoisers.items():
        finals, way = [], []
        for start in range(0, count, batch):
            numbers = range(start, min(start + batch, count))
            eps = noise(numbers, bench.network.spec.shape, seed=seed, stream="sample").to(
                bench.device
            )
            steps: list[Step] = list(trajectory(denoiser, eps, grid))
            finals.append(steps[-1].x0_hat.float().cpu())
            if start == 0:
                way = [step.x0_hat[:shown].float().cpu() for step in steps]
        drawn[name] = Samples(torch.cat(finals), torch.stack(way, dim=1))
    return drawn


def record_copies(
    recorder: Recorder,
    queries: Tensor,
    numbers: Iterable[int],
    train: Pictures,
    groups: Tensor,
    *,
    denoiser: str,
) -> tuple[list[dict[str, Any]], Memorization]:
    """GL and the copy rule for samples of `denoiser`, or for held-out pictures where it is "".

    Returns rows of samples.parquet.
    """
    numbers = list(numbers)
    source, inputs = ("sample", "noise") if denoiser else ("held_out", "held_out")
    found = memorization(queries, train, groups)
    nearest_id, nearest_distance = found.neighbours.ids[:, 0], found.neighbours.distances[:, 0]
    gl = gl_pixel(queries, nearest_distance)
    recorder.add(Key("gl_pixel", denoiser, "", inputs), numbers, gl)
    judged = ~found.ratio.isnan()
    copied = torch.where(judged, found.copied.double(), torch.nan)
    recorder.add(Key("memorization_ratio", denoiser, "", inputs), numbers, copied)
    rows = []
    for row, number in enumerate(numbers):
        outside = float(found.outside_distance[row])
        rows.append(
            {
                "cell": "",
                "seed": recorder.seed,
                "denoiser": denoiser,
                "source": source,
                "number": number,
                "nearest_id": int(nearest_id[row]),
                "nearest_distance": float(nearest_distance[row]),
                "outside_id": int(found.outside_id[row]) if judged[row] else None,
                "outside_distance": outside if judged[row] else None,
                "ratio": float(found.ratio[row]) if judged[row] else None,
                "group_size": int(found.group_size[row]),
                "gl": float(gl[row]),
                "copied": bool(found.copied[row]),
                "nearest_name": train.names(int(nearest_id[row])),
            }
        )
    return rows, found
