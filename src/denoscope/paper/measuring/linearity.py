"""Linearity of a model and of its Gaussian along the levels, for every alpha of the paper."""

from typing import ClassVar

from denoscope.metrics import linearity_sweep
from denoscope.noise import karras_levels
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    known_levels,
    noisy,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["ALPHA_SQUARED", "Linearity"]

ALPHA_SQUARED = (0.99, 0.8675, 0.745, 0.6225, 0.5)  # Li et al. 2024, Fig. 10


class Linearity(Measurement):
    """Eqs 11 and 12 on pairs of noisy held-out pictures and on pairs of pure noise.

    Rows: linearity_cosine, linearity_norm_ratio and their centred variants (metric ending in
    _centred: from the means of all inputs and answers, so that an affine denoiser scores perfectly);
    denoiser "network" or "gaussian"; param alpha squared.
    """

    kind: ClassVar[str] = "linearity"
    version: ClassVar[int] = 2  # centred by the means of inputs and answers

    levels: int = 20
    pairs: int = 100
    alpha_squared: tuple[float, ...] = (0.5,)

    def seconds(self) -> float:
        each = 2 + 2 * len(self.alpha_squared)
        return evaluation_seconds(self.subject, 2 * self.levels * self.pairs * each)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        alphas = [square**0.5 for square in self.alpha_squared]
        grid = known_levels(view.denoiser, karras_levels(self.levels).tolist())
        for kind in ("held_out", "noise"):
            x0, eps, _ = noisy(view, kind, 2 * self.pairs, self.seed)
            even = len(x0) // 2 * 2  # fewer may be held out than are asked
            x0, eps = x0[:even], eps[:even]
            for done, sigma in enumerate(grid):
                x = x0 + sigma * eps
                for name, form in (("network", view.denoiser), ("gaussian", view.gaussian)):
                    found = linearity_sweep(form, x[0::2], x[1::2], sigma, alphas, centred=True)
                    scores = {
                        "linearity_cosine": found.cosine,
                        "linearity_norm_ratio": found.norm_ratio,
                        "linearity_cosine_centred": found.centred_cosine,
                        "linearity_norm_ratio_centred": found.centred_norm_ratio,
                    }
                    for metric, rows in scores.items():
                        assert rows is not None  # centred scores were asked for
                        for square, values in zip(self.alpha_squared, rows, strict=True):
                            keys = {"inputs": kind, "sigma": sigma, "param": square}
                            ledger.values(metric, values, denoiser=name, **keys)
                report(((kind == "noise") * len(grid) + done + 1) / (2 * len(grid)))
