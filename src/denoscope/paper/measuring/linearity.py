"""Linearity of a model and of its Gaussian along the levels, for every alpha of the paper."""

from typing import ClassVar

from denoscope.denoiser import as_sigma
from denoscope.metrics import linearity_cosine, linearity_norm_ratio, mix
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
    _centred: inputs and outputs from the mean, so that an affine denoiser scores perfectly);
    denoiser "network" or "gaussian"; param alpha squared.
    """

    kind: ClassVar[str] = "linearity"

    levels: int = 20
    pairs: int = 100
    alpha_squared: tuple[float, ...] = (0.5,)

    def seconds(self) -> float:
        each = 2 + 2 * len(self.alpha_squared)
        return evaluation_seconds(self.subject, 2 * self.levels * self.pairs * each)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        mean = view.gaussian.mean.float()
        grid = known_levels(view.denoiser, karras_levels(self.levels).tolist())
        for kind in ("held_out", "noise"):
            x0, eps, _ = noisy(view, kind, 2 * self.pairs, self.seed)
            for done, sigma in enumerate(grid):
                x = x0 + sigma * eps
                one, two = x[0::2], x[1::2]
                for name, form in (("network", view.denoiser), ("gaussian", view.gaussian)):
                    level = as_sigma(sigma, x)
                    d = form(x, level)
                    d_one, d_two = d[0::2], d[1::2]
                    for square in self.alpha_squared:
                        alpha = square**0.5
                        keys = {"denoiser": name, "inputs": kind, "sigma": sigma, "param": square}
                        d_mix = form(mix(one, two, alpha), level)
                        ledger.values(
                            "linearity_cosine", linearity_cosine(d_mix, d_one, d_two, alpha), **keys
                        )
                        ratio = linearity_norm_ratio(d_mix, d_one, d_two, alpha)
                        ledger.values("linearity_norm_ratio", ratio, **keys)
                        # From the mean: D(mu + .) - mu is homogeneous where D is affine with D(mu) = mu.
                        centred = form(mean + mix(one - mean, two - mean, alpha), level) - mean
                        parts = centred, d_one - mean, d_two - mean, alpha
                        ledger.values("linearity_cosine_centred", linearity_cosine(*parts), **keys)
                        ledger.values(
                            "linearity_norm_ratio_centred", linearity_norm_ratio(*parts), **keys
                        )
                report(((kind == "noise") * len(grid) + done + 1) / (2 * len(grid)))
