"""Sampling continued from a state pushed along the Jacobian's first singular vector."""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from denoscope.metrics import jacobian_svd, rmse
from denoscope.metrics.jacobian import Jacobian
from denoscope.noise import karras_levels, noise
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    to_uint8,
)
from denoscope.paper.subject import View
from denoscope.sampling import perturbation, trajectory
from denoscope.sweeps import Store

__all__ = ["Perturbation"]

GRID = 20  # levels of the paper's Figs 28 to 30; 22.79 and 1.979 are among them


class Perturbation(Measurement):
    """x_t +- lambda u_1(x_t), then on along the 20 levels (Li et al. 2024, Fig. 30), for several noises.

    lambda = strength * sigma_t: at `strength` 1 as far as the noise deviates along one direction.
    Rows, by level: perturbation_change, RMSE between the finished pictures of the pushed and the
    unpushed state, over noises and both signs; param the strength. perturbation_cosine, cosine of
    the two finished pictures from their mean. Pictures: final/PLACE (2 m + 1, C, H, W): from minus
    the largest strength over the unpushed to plus the largest, of the first noise.
    """

    kind: ClassVar[str] = "perturbation"

    levels: tuple[float, ...] = (22.79, 1.979, 0.002)
    strengths: tuple[float, ...] = (1.0, 2.0, 4.0)
    noises: int = 8

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, 1500 * self.noises)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        shape = view.train.shape
        grid = karras_levels(GRID).tolist()
        places = {
            sigma: min(range(GRID), key=lambda i: abs(math.log(grid[i] / sigma)))
            for sigma in self.levels
        }
        eps = noise(range(self.noises), shape, seed=self.seed, stream="sample")
        steps = list(trajectory(view.denoiser, eps, grid))
        plain, mean = steps[-1].x0_hat, view.gaussian.mean
        pushes = [-s for s in reversed(self.strengths)] + list(self.strengths)
        for done, (sigma, place) in enumerate(places.items()):
            used = grid[place]
            u = torch.stack([_first_vector(view, x, used) for x in steps[place].x])
            strengths = sorted({0.0, *pushes})
            found = perturbation(view.denoiser, steps[place].x, u, grid, place, strengths)
            ends = dict(zip(strengths, found.pictures, strict=True))
            keys: dict[str, Any] = {"denoiser": "network", "inputs": "noise"}
            keys |= {"sigma": sigma, "sigma_used": used}
            for strength in self.strengths:
                both = torch.cat([ends[-strength], ends[strength]])
                before = plain.repeat(2, 1, 1, 1)
                ledger.values("perturbation_change", rmse(both, before), param=strength, **keys)
                one, two = ((part - mean).flatten(1) for part in (both, before))
                cosine = torch.nn.functional.cosine_similarity(one, two)
                ledger.values("perturbation_cosine", cosine, param=strength, **keys)
            row = [ends[push][0] for push in sorted(ends)]
            ledger.pictures[f"final/{done}"] = to_uint8(torch.stack(row))
            report((done + 1) / len(places))


def _first_vector(view: View, x: Tensor, sigma: float) -> Tensor:
    """u_1(x_t), (C, H, W), of length 1."""
    found = jacobian_svd(Jacobian(view.denoiser, x.float(), sigma), 1)
    return found.u[:, 0].reshape(x.shape)
