"""The distances of a model to the closed forms, in both of the paper's units, on one kind of input."""

from typing import ClassVar

from denoscope.denoiser import as_sigma
from denoscope.metrics import rmse, score_error, score_error_norm_ratio
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

__all__ = ["Errors"]


class Errors(Measurement):
    """score_error (eq. 10) and its norm ratio (eq. 53) at chosen levels, held-out inputs.

    Rows: denoiser "network" against "gaussian" and "multi_delta", "gaussian" against "multi_delta";
    rmse of each to the clean picture. For models that know few levels, and levels off the grid.
    """

    kind: ClassVar[str] = "errors"

    levels: tuple[float, ...]
    pictures: int = 200

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, self.pictures * len(self.levels))

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        x0, eps, _ = noisy(view, "held_out", self.pictures, self.seed)
        levels = known_levels(view.denoiser, self.levels)
        for done, sigma in enumerate(levels):
            x = x0 + sigma * eps
            forms = {
                "network": view.denoiser,
                "gaussian": view.gaussian,
                "multi_delta": view.multi_delta,
            }
            answers = {name: form(x, as_sigma(sigma, x)) for name, form in forms.items()}
            for one, two in (
                ("network", "gaussian"),
                ("network", "multi_delta"),
                ("gaussian", "multi_delta"),
            ):
                keys = {"denoiser": one, "reference": two, "sigma": sigma}
                ledger.values("score_error", score_error(answers[one], answers[two]), **keys)
                ratio = score_error_norm_ratio(answers[one], answers[two])
                ledger.values("score_error_norm_ratio", ratio, **keys)
            for name, answer in answers.items():
                ledger.values("rmse", rmse(answer, x0), denoiser=name, sigma=sigma)
            report((done + 1) / len(levels))
