"""The paper's own way to the linear model: gradient descent with Adam (Algorithm 1), epoch by epoch."""

from typing import ClassVar

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
    """Adam from zero weights on held-out inputs, the paper's rate for each level.

    Rows, by level and epoch (param, 0 the start): weight_difference ||W - W_G||_F^2 / ||W_G||_F^2
    (1 at the start), symmetry_defect ||W - W^T||_F / ||W||_F, score_error (network, linear) on
    pictures not descended on.
    """

    kind: ClassVar[str] = "descent"

    levels: tuple[float, ...]
    pictures: int = 1000
    epochs: int = 100

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, len(self.levels) * self.pictures * self.epochs)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        raise NotImplementedError
