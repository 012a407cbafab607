"""What a training set does not span, and how far the network is from the Gaussian as sigma tends to 0."""

from typing import ClassVar

from denoscope.denoiser import as_sigma
from denoscope.metrics import score_error
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    noisy,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["RankGap"]

LOWEST = 0.002


class RankGap(Measurement):
    """On training and held-out pictures (`inputs`): outside_span, ||(I - U_r U_r^T)(x0 - mu)|| / sqrt(d)
    of each clean picture, and score_error (network, gaussian) at sigma = 0.002.
    """

    kind: ClassVar[str] = "rank_gap"

    pictures: int = 200

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, 2 * self.pictures)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        basis, mean = view.gaussian.eigenvectors, view.gaussian.mean.reshape(-1)
        for kind in ("train", "held_out"):
            x0, eps, _ = noisy(view, kind, self.pictures, self.seed)
            centred = x0.flatten(1).double() - mean
            rest = centred - (centred @ basis) @ basis.T
            ledger.values("outside_span", rest.square().mean(1).sqrt(), inputs=kind)
            x = x0 + LOWEST * eps
            level = as_sigma(LOWEST, x)
            apart = score_error(view.denoiser(x, level), view.gaussian(x, level))
            keys = {"denoiser": "network", "reference": "gaussian", "inputs": kind}
            ledger.values("score_error", apart, sigma=LOWEST, **keys)
        report(1.0)
