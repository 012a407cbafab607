"""Sampling continued from a state pushed along the Jacobian's first singular vector."""

from typing import ClassVar

from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["Perturbation"]


class Perturbation(Measurement):
    """x_t +- lambda u_1(x_t), then on along the 20 levels (Li et al. 2024, Fig. 30), for several noises.

    lambda = strength * sigma_t * sqrt(2): at `strength` 1 about as far as two draws of the noise lie
    apart along one direction. Rows, by level: perturbation_change, RMSE between the finished pictures
    of the pushed and the unpushed state, over noises and both signs; param the strength.
    perturbation_cosine, cosine of the two finished pictures from their mean.
    Pictures: final/PLACE (2 m + 1, C, H, W): from minus the largest strength over the unpushed to plus
    the largest, of the first noise.
    """

    kind: ClassVar[str] = "perturbation"

    levels: tuple[float, ...] = (22.79, 1.979, 0.002)
    strengths: tuple[float, ...] = (1.0, 2.0, 4.0)
    noises: int = 8

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, 1500 * self.noises)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        raise NotImplementedError
