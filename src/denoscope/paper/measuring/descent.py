"""The paper's own way to the linear model: gradient descent with Adam (Algorithm 1), epoch by epoch."""

from typing import Any, ClassVar

import torch

from denoscope.distillation import Epoch, Setting, Splits, descend, paper_rate
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["GradientDescent"]


class GradientDescent(Measurement):
    """Adam from zero weights on held-out inputs, at the best of several rates for each level.

    The paper's rate fits its 12,000 steps; here the rate is the paper's times one of `factors`, that
    which ends nearest to the network on pictures set aside (row learning_rate).

    Rows, by level and epoch (param, 0 the start): weight_difference ||W - W_G||_F^2 / ||W_G||_F^2
    (1 at the start), symmetry_defect ||W - W^T||_F / ||W||_F, score_error (network, linear) on
    pictures not descended on.
    """

    kind: ClassVar[str] = "descent"

    levels: tuple[float, ...]
    pictures: int = 1000
    epochs: int = 100
    draws: int | None = None
    """Noise is drawn anew for so many epochs and then comes again; None: always anew, as in the paper."""
    factors: tuple[float, ...] = (1.0, 10.0, 100.0)

    def seconds(self) -> float:
        return evaluation_seconds(
            self.subject, len(self.levels) * self.pictures * (self.draws or self.epochs)
        )

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        index = torch.arange(min(self.pictures, len(view.held_out)))
        splits = Splits.of(view.held_out.take(index), self.seed)
        setting = Setting.of(splits, view.gaussian, "held_out")
        for place, sigma in enumerate(self.levels):
            rates = [paper_rate(sigma) * factor for factor in self.factors]
            history = []
            for standing in descend(
                view.denoiser,
                sigma,
                setting,
                rates=rates,
                epochs=self.epochs,
                draws=self.draws,
                seed=self.seed,
            ):
                history.append(standing)
                report((place + len(history) / (self.epochs + 1)) / len(self.levels))
            last = [one.validation.value for one in history[-1]]
            best = last.index(min(last))
            ledger.number("learning_rate", rates[best], denoiser="linear", sigma=sigma)
            for standing in history:
                self._row(ledger, standing[best], sigma)

    def _row(self, ledger: Ledger, one: Epoch, sigma: float) -> None:
        keys: dict[str, Any] = {"sigma": sigma, "param": one.number}
        ledger.number("weight_difference", one.weight_difference, denoiser="linear", **keys)
        ledger.number("symmetry_defect", one.symmetry_defect, denoiser="linear", **keys)
        ledger.estimate("score_error", one.score, denoiser="network", reference="linear", **keys)
