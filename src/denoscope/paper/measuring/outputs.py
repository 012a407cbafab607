"""What a model and its closed forms answer at one level, to a noisy held-out picture and to pure noise."""

from typing import ClassVar

from denoscope.denoiser import as_sigma
from denoscope.metrics import nearest, rmse, score_error
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    noisy,
    to_uint8,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["Outputs"]

KEPT = 4  # answers kept as pictures, each kind


class Outputs(Measurement):
    """D(x; sigma) for x = y + sigma eps and x = sigma eps, as in the paper's Figs 5b, 17 and 18.

    Pictures: KIND/NAME/PLACE (4, C, H, W): kind "held_out" or "noise", name "network", "gaussian" or
    "multi_delta", place that of the level; clean (4, C, H, W). Rows, by level and kind of input:
    score_error between each two; output_nearest, the RMSE of an answer to its nearest training
    picture (0: it retrieves one), by denoiser.
    """

    kind: ClassVar[str] = "outputs"

    levels: tuple[float, ...] = (60.0, 4.0)
    pictures: int = 64

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, 2 * self.pictures * len(self.levels))

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        for half, kind in enumerate(("held_out", "noise")):
            x0, eps, _ = noisy(view, kind, self.pictures, self.seed)
            if kind == "held_out":
                ledger.pictures["clean"] = to_uint8(x0[:KEPT])
            for place, sigma in enumerate(self.levels):
                x = x0 + sigma * eps
                forms = {
                    "network": view.denoiser,
                    "gaussian": view.gaussian,
                    "multi_delta": view.multi_delta,
                }
                answers = {name: form(x, as_sigma(sigma, x)) for name, form in forms.items()}
                for name, answer in answers.items():
                    ledger.pictures[f"{kind}/{name}/{place}"] = to_uint8(answer[:KEPT])
                    near = view.train.floats(nearest(answer, view.train).positions[:, 0])
                    keys = {"denoiser": name, "inputs": kind, "sigma": sigma}
                    ledger.values("output_nearest", rmse(answer, near), **keys)
                for one, two in (
                    ("network", "gaussian"),
                    ("network", "multi_delta"),
                    ("gaussian", "multi_delta"),
                ):
                    keys = {"denoiser": one, "reference": two, "inputs": kind, "sigma": sigma}
                    ledger.values("score_error", score_error(answers[one], answers[two]), **keys)
            report((half + 1) / 2)
