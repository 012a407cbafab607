"""Samples of a model and of its closed forms from the same noise, their way, and what they are near."""

from typing import ClassVar

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser
from denoscope.metrics import nearest
from denoscope.noise import karras_levels, noise
from denoscope.paper.measuring.distillation import Distillation
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    to_uint8,
)
from denoscope.paper.subject import View
from denoscope.sampling import trajectory
from denoscope.sweeps import Store, Task

__all__ = ["Samples"]

WAYS = 5  # noises whose trajectories are kept (Li et al. 2024, Fig. 3 shows five)


class Samples(Measurement):
    """Euler over the levels (eq. 4) from the same `count` noises for every denoiser.

    Pictures: sample/NAME (count, C, H, W) and trajectory/NAME (5, levels, C, H, W; D(x_t; sigma_t))
    for network, gaussian, multi_delta and, with `linear`, linear; nearest/NAME (count, C, H, W): the
    nearest training picture of each sample. Noise j is the same for every model of one shape.
    Rows: sample_distance, ||x_network - x_NAME|| / sqrt(d) over the samples, by reference.
    """

    kind: ClassVar[str] = "samples"

    count: int = 100
    levels: tuple[float, ...] = ()
    """Empty: the ten of the paper."""
    linear: Distillation | None = None

    def needs(self) -> tuple[Task, ...]:
        return (*super().needs(), *([self.linear] if self.linear else []))

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, self.count * (len(self.levels) or 10))

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        denoisers: dict[str, Denoiser] = {
            "network": view.denoiser,
            "gaussian": view.gaussian,
            "multi_delta": view.multi_delta,
        }
        if self.linear is not None:
            denoisers["linear"] = self.linear.denoiser(store)
        grid = self.levels or tuple(karras_levels(10).tolist())
        finals: dict[str, Tensor] = {}
        for place, (name, denoiser) in enumerate(denoisers.items()):
            finals[name], way = _walk(denoiser, self.count, grid, view.train.shape, self.seed)
            ledger.pictures[f"sample/{name}"] = to_uint8(finals[name])
            ledger.pictures[f"trajectory/{name}"] = to_uint8(way)
            near = nearest(finals[name], view.train).positions[:, 0]
            ledger.pictures[f"nearest/{name}"] = to_uint8(view.train.floats(near))
            report((place + 1) / len(denoisers))
        for name, final in finals.items():
            if name != "network":
                apart = (finals["network"] - final).flatten(1).double().square().mean(1).sqrt()
                ledger.values(
                    "sample_distance", apart, denoiser="network", reference=name, inputs="noise"
                )


def _walk(
    denoiser: Denoiser, count: int, grid: tuple[float, ...], shape: tuple[int, int, int], seed: int
) -> tuple[Tensor, Tensor]:
    """(finals (count, C, H, W), x0_hat of the first WAYS noises by level (WAYS, L, C, H, W))."""
    finals, way = [], torch.empty(0)
    for start in range(0, count, 64):
        numbers = range(start, min(start + 64, count))
        eps = noise(numbers, shape, seed=seed, stream="sample")
        steps = list(trajectory(denoiser, eps, list(grid)))
        finals.append(steps[-1].x0_hat.float())
        if start == 0:
            way = torch.stack([step.x0_hat[:WAYS].float() for step in steps], dim=1)
    return torch.cat(finals), way
