"""The denoiser that is distilled, at one level: asked on noisy pictures, counted and checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, as_sigma
from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
from denoscope.noise import noise

__all__ = ["Inputs", "Teacher"]

Inputs = Literal["train", "held_out", "noise"]
"""What a denoiser is distilled on: noisy training pictures, noisy held-out pictures, noise alone."""


@dataclass
class Teacher:
    """D(.; sigma) of one denoiser, on x0 + sigma eps.

    inputs: "noise" takes x0 = 0 and nothing but the numbers of the pictures. seed: of the noise,
    which depends on (seed, stream, picture) alone, never on batches or their order. batch: inputs a
    call. dtype: in which the denoiser is called. evaluations: spent so far.
    """

    denoiser: Denoiser
    sigma: float
    inputs: Inputs = "held_out"
    seed: int = 0
    batch: int = 64
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    evaluations: int = 0
    on_evaluations: Callable[[int], None] = field(default=lambda n: None)

    def __post_init__(self) -> None:
        if self.inputs not in get_args(Inputs):
            raise InputError(
                f"inputs {self.inputs!r} is unknown: choose from {', '.join(get_args(Inputs))}"
            )
        if self.batch < 1:
            raise InputError(f"a batch of {self.batch}; give 1 or more")

    def answers(
        self, pictures: Pictures, stream: str, sign: float = 1.0, count: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """(y, D(y)), float64 (b, d) each, of the first `count` pictures, batch by batch.

        y = x0 + sign sigma eps, as the denoiser was shown it. Raises RunError where the denoiser
        returns NaN or infinity, InputError where it returns another shape.
        """
        total = len(pictures) if count is None else min(count, len(pictures))
        for start in range(0, total, self.batch):
            rows = slice(start, min(start + self.batch, total))
            ids = pictures.ids[rows].tolist()
            eps = noise(ids, pictures.shape, seed=self.seed, stream=stream)
            x = sign * self.sigma * eps.double()
            if self.inputs != "noise":
                x = pictures.floats(rows).double() + x
            x = x.to(self.device, self.dtype)
            answer = self._ask(x)
            yield x.flatten(1).double(), answer.flatten(1).double()

    @torch.no_grad()
    def _ask(self, x: Tensor) -> Tensor:
        answer = self.denoiser(x, as_sigma(self.sigma, x))
        self.evaluations += len(x)
        self.on_evaluations(len(x))
        name = self.denoiser.spec.name
        if answer.shape != x.shape:
            raise InputError(
                f"{name}: returned {tuple(answer.shape)} for {tuple(x.shape)}: a denoiser returns "
                "x's shape"
            )
        if not bool(answer.isfinite().all()):
            raise RunError(
                f"{name} returned values that are not finite at sigma {self.sigma:g}: check its "
                "weights and its range of levels"
            )
        return answer
