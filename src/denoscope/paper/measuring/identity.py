"""How far a model is from doing nothing, along the levels."""

from typing import ClassVar

from denoscope.denoiser import as_sigma
from denoscope.metrics import identity_cosine, identity_difference
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

__all__ = ["Identity"]


class Identity(Measurement):
    """Distance and cosine between D(x; sigma) and x on held-out inputs (Li et al. 2024, Fig. 15).

    Rows: identity_difference, ||D(x) - x||^2 / ||x||^2, and identity_cosine; denoiser "network" and
    "gaussian".
    """

    kind: ClassVar[str] = "identity"

    levels: int = 20
    pictures: int = 100

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, self.pictures * self.levels)

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        x0, eps, _ = noisy(view, "held_out", self.pictures, self.seed)
        for done, sigma in enumerate(
            known_levels(view.denoiser, karras_levels(self.levels).tolist())
        ):
            x = x0 + sigma * eps
            for name, form in (("network", view.denoiser), ("gaussian", view.gaussian)):
                answer = form(x, as_sigma(sigma, x))
                keys = {"denoiser": name, "sigma": sigma}
                ledger.values("identity_difference", identity_difference(answer, x), **keys)
                ledger.values("identity_cosine", identity_cosine(answer, x), **keys)
            report((done + 1) / self.levels)
