"""The paper's own way to D_L: Adam on eq. 9 from zero weights (Li et al. 2024, Algorithm 1).

One layer for each level, D_L(x) = w x / sqrt(d) + b with w and b from 0, so that W = w / sqrt(d); the
loss is the mean over batch and d of the squared difference to the denoiser's answer. Batches of 256
pictures in a fixed order, fresh noise in each, 100 epochs, Adam as it comes. What works depends on the
level: rates of the table are the authors' for a model of 64 x 64 faces. Where they do not fit, give
several rates: all are trained at once on the same inputs and answers, which are what costs.

Here to be compared with: `distill` needs no rate and a fiftieth of the evaluations.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from denoscope.denoiser import Denoiser
from denoscope.distillation.setting import Setting
from denoscope.distillation.shrinkage import LinearMap, gaussian_map
from denoscope.distillation.teacher import Teacher
from denoscope.distillation.unseen import Unseen
from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.metrics import Estimate, Moments, symmetry_defect, weight_difference

__all__ = ["PAPER_RATES", "Epoch", "descend", "paper_rate"]

PAPER_RATES = {
    **dict.fromkeys((80.0, 42.415, 21.109, 9.723, 4.066), 5e-5),
    **dict.fromkeys((1.502, 0.470), 5e-4),
    0.1166: 5e-3,
    **dict.fromkeys((0.0204, 0.002), 5e-2),
}
"""sigma -> learning rate of Adam (Li et al. 2024, the authors' notebook; FFHQ, EDM-VP)."""


def paper_rate(sigma: float) -> float:
    """The paper's rate at the nearest of its ten levels, nearest in log sigma."""
    return PAPER_RATES[min(PAPER_RATES, key=lambda known: abs(math.log(known / sigma)))]


@dataclass(frozen=True)
class Epoch:
    """Where one rate stands after some epochs (0: the start).

    matrix (d, d), bias (d,): D_L(x) = W x + b, float64. validation, score: mean over the pictures
    of each split of ||D_L(y) - D(y)|| / sqrt(d); errors: (n,), the values behind `score`.
    weight_difference: ||W - W_G||_F^2 / ||W_G||_F^2. symmetry_defect: ||W - W^T||_F / ||W||_F, nought
    at the start. evaluations: of the denoiser to train, for all rates together.
    """

    number: int
    rate: float
    matrix: Float[Tensor, "d d"]
    bias: Float[Tensor, " d"]
    validation: Estimate
    score: Estimate
    errors: Float[Tensor, " n"]
    weight_difference: float
    symmetry_defect: float
    evaluations: int


def descend(
    denoiser: Denoiser,
    sigma: float,
    setting: Setting,
    *,
    rates: Sequence[float] | None = None,
    epochs: int = 100,
    draws: int | None = None,
    every: int = 1,
    seed: int = 0,
    batch: int = 256,
    on_evaluations: Callable[[int], None] = lambda n: None,
) -> Iterator[list[Epoch]]:
    """Train at one level; yield where each rate stands at the start and after every epoch.

    rates: the paper's for this level where none is given. draws: noise is drawn anew for so many
    epochs and then comes again with its answers, which are kept; None: always anew, as in the paper.
    every: epochs from one yield to the next; the last comes always. batch: pictures a step, and a call.

    Deterministic in (denoiser, sigma, setting, rates, batch, seed); epoch e takes the noise of the
    e-th draw that `distill_level` would. Raises InputError for rates or epochs that are not positive,
    RunError where the denoiser returns NaN or infinity.
    """
    rates = [paper_rate(sigma)] if rates is None else list(rates)
    if not rates or min(rates) <= 0 or min(epochs, every) < 1:
        raise InputError(f"rates {rates} and {epochs} epochs; give positive rates, 1 epoch or more")
    device = setting.laws[0].mean.device
    teacher = Teacher(
        denoiser, sigma, setting.inputs, seed, batch, device=device, on_evaluations=on_evaluations
    )
    splits, control = setting.splits, gaussian_map(setting.gaussian, sigma)
    steer = Unseen.ask(teacher, splits.validation, "validation")
    judge = Unseen.ask(teacher, splits.score, "score")
    asked = teacher.evaluations
    layers = [_Layer(len(control.bias)).to(device) for _ in rates]
    optimizer = torch.optim.Adam(
        {"params": layer.parameters(), "lr": rate}
        for layer, rate in zip(layers, rates, strict=True)
    )
    kept: dict[int, list[tuple[Tensor, Tensor]]] = {}
    for number in range(epochs + 1):
        if number:
            for y, answer in _epoch(teacher, splits.fit, number - 1, draws, kept):
                with torch.enable_grad():
                    losses = [nn.functional.mse_loss(layer(y), answer) for layer in layers]
                    torch.stack(losses).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
        if number % every and number != epochs:
            continue
        spent = teacher.evaluations - asked
        yield [
            _standing(number, rate, layer.map, control, steer, judge, spent)
            for rate, layer in zip(rates, layers, strict=True)
        ]


def _epoch(
    teacher: Teacher,
    pictures: Pictures,
    number: int,
    draws: int | None,
    kept: dict[int, list[tuple[Tensor, Tensor]]],
) -> Iterable[tuple[Tensor, Tensor]]:
    """Inputs and answers of an epoch, float32; of one whose noise came before, those kept."""
    found = ((y.float(), a.float()) for y, a in teacher.answers(pictures, f"distill {number}"))
    if draws is None:
        return found
    if number < draws:
        kept[number] = list(found)
    return kept[number % draws]


class _Layer(nn.Module):
    """w x / sqrt(d) + b, from 0."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(d)
        self.w, self.b = nn.Parameter(torch.zeros(d, d)), nn.Parameter(torch.zeros(d))

    def forward(self, y: Tensor) -> Tensor:
        return nn.functional.linear(y * self.scale, self.w, self.b)

    @property
    def map(self) -> LinearMap:
        w, b = self.w.detach().double(), self.b.detach().double()
        return LinearMap(w * self.scale, b.clone(), math.nan, math.nan)


def _standing(
    number: int,
    rate: float,
    found: LinearMap,
    control: LinearMap,
    steer: Unseen,
    judge: Unseen,
    spent: int,
) -> Epoch:
    errors = judge.errors(found)
    return Epoch(
        number=number,
        rate=rate,
        matrix=found.matrix,
        bias=found.bias,
        validation=Moments.of(steer.errors(found)).estimate,
        score=Moments.of(errors).estimate,
        errors=errors,
        weight_difference=weight_difference(found.matrix, control.matrix),
        symmetry_defect=symmetry_defect(found.matrix) if number else 0.0,
        evaluations=spent,
    )
