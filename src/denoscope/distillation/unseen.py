"""Noisy pictures set aside, the denoiser's answers to them, and how far linear maps are off."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.distillation.shrinkage import LinearMap
from denoscope.distillation.teacher import Teacher
from denoscope.images import Pictures

__all__ = ["Unseen"]


@dataclass(frozen=True)
class Unseen:
    """y: inputs, answer: D(y), both float64 (n, d). The denoiser is asked once."""

    y: Float[Tensor, "n d"]
    answer: Float[Tensor, "n d"]

    @classmethod
    def ask(cls, teacher: Teacher, pictures: Pictures, part: str, rows: int = 1) -> "Unseen":
        """Every picture under a noise of that part's own; under several until there are `rows`."""
        found = []
        for draw in range(-(-rows // len(pictures))):
            found += teacher.answers(pictures, f"distill {part} {draw}")
        y, answer = zip(*found, strict=True)
        return cls(torch.cat(y), torch.cat(answer))

    def errors(self, fit: LinearMap) -> Float[Tensor, " n"]:
        """||D_L(y) - D(y)||_2 / sqrt(d) of each input (Li et al. 2024, eq. 10)."""
        return _rms(self.y @ fit.matrix.T + fit.bias - self.answer)

    def distances(self, one: LinearMap, two: LinearMap) -> Float[Tensor, " n"]:
        """||D_1(y) - D_2(y)||_2 / sqrt(d) of each input, between two linear maps."""
        return _rms(self.y @ (one.matrix - two.matrix).T + one.bias - two.bias)


def _rms(rows: Tensor) -> Tensor:
    return rows.square().mean(1).sqrt()
