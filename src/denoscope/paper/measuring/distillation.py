"""The linear model distilled from a network, and how it compares with the Gaussian of the training set."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import torch

from denoscope.closed_form import LinearDenoiser
from denoscope.denoiser import Denoiser, as_sigma
from denoscope.distillation import LevelFit, Splits, distill, linear_denoiser
from denoscope.images import Pictures
from denoscope.metrics import score_error, score_error_norm_ratio, vector_correlation
from denoscope.noise import karras_levels, noise
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    known_levels,
    vector_pictures,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["Distillation"]

LEADING = 100  # singular vectors compared (Li et al. 2024, Fig. 4)
VECTORS, SHOWN = 25, 4.066  # vectors kept as pictures, and the level (Fig. 14)
UNSEEN = 200  # held-out pictures that the distances are measured on, at most
PAIRS = (
    ("network", "linear"),
    ("network", "gaussian"),
    ("network", "multi_delta"),
    ("linear", "gaussian"),
    ("gaussian", "multi_delta"),
)


class Distillation(Measurement):
    """Eq. 9 solved exactly at each level, on `pictures` pictures of one kind of input.

    Rows, by level; what is compared is compared on held-out pictures that no fit saw:

    score_error, score_error_norm_ratio   (network, linear), (network, gaussian),
                          (network, multi_delta), (linear, gaussian), (gaussian, multi_delta)
    weight_difference     ||W_L - W_G||_F^2 / ||W_G||_F^2
    symmetry_defect       ||W_L - W_L^T||_F / ||W_L||_F
    singular_value        denoiser "linear" or "gaussian", index k: the leading 100
    vector_correlation    |<u_k of W_L, u_k of W_G>|, index k
    weight_error          standard error of W_L over W_L, Frobenius
    evaluations           of the network

    Pictures: correlation/PLACE (1, 1, K, K), 255 |U_L^T U_G| of the leading K vectors at the level of
    that place (0: the highest); vectors/linear and vectors/gaussian (25, C, H, W) at the level
    nearest 4, signs matched. The model itself: linear.safetensors.
    """

    kind: ClassVar[str] = "distillation"

    pictures: int = 1000
    budget: int = 4000
    """Network evaluations a level, at most."""
    input_kind: Literal["train", "held_out", "noise"] = "held_out"

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, 10 * (self.budget + 200)) + 20

    def denoiser(self, store: Store) -> LinearDenoiser:
        """The distilled model."""
        return LinearDenoiser.load(store.folder(self) / "linear.safetensors")

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        levels = known_levels(view.denoiser, karras_levels(10).tolist())
        fits = []
        shown = view.train if self.input_kind == "train" else view.held_out
        index = torch.arange(min(self.pictures, len(shown)))
        # Where all pictures are the whole law, as a small training set is, they are not split.
        whole = self.input_kind == "train" and len(index) == len(shown)
        splits = Splits.shared(shown) if whole else Splits.of(shown.take(index), self.seed)
        for fit in distill(
            view.denoiser,
            splits,
            levels=torch.tensor(levels, dtype=torch.float64),
            gaussian=view.gaussian,
            inputs=self.input_kind,
            budget=self.budget,
            seed=self.seed,
        ):
            fits.append(fit)
            report(0.9 * len(fits) / len(levels))
        linear = linear_denoiser(fits, view.train.shape)
        for place, fit in enumerate(fits):
            self._weights(ledger, view, place, fit)
        unseen = splits.score if self.input_kind == "held_out" else view.held_out
        self._distances(ledger, view, linear, unseen.take(slice(0, UNSEEN)))
        with TemporaryDirectory() as folder:
            path = Path(folder) / "linear.safetensors"
            linear.save(path)
            ledger.files["linear.safetensors"] = path.read_bytes()

    def _weights(self, ledger: Ledger, view: View, place: int, fit: LevelFit) -> None:
        """What the matrix is, beside the Gaussian's."""
        keys: dict[str, Any] = {"inputs": self.input_kind, "sigma": fit.sigma}
        ledger.number("weight_difference", fit.weight_difference, denoiser="linear", **keys)
        ledger.number("weight_error", fit.error, denoiser="linear", **keys)
        ledger.number("symmetry_defect", fit.symmetry_defect, denoiser="linear", **keys)
        ledger.number("evaluations", fit.evaluations, denoiser="network", **keys)
        u, s, _ = torch.linalg.svd(fit.matrix)
        form = view.gaussian.matrix(fit.sigma)
        u_form, s_form, _ = torch.linalg.svd(form)
        leading = min(LEADING, len(s))
        for name, values in (("linear", s), ("gaussian", s_form)):
            ledger.spectrum("singular_value", values[:leading], denoiser=name, **keys)
        match = vector_correlation(u[:, :leading], u_form[:, :leading])
        ledger.spectrum("vector_correlation", match.diagonal(), denoiser="linear", **keys)
        bytes_ = (255 * match).round().to(torch.uint8)
        ledger.pictures[f"correlation/{place}"] = bytes_[None, None].numpy()
        if abs(fit.sigma - SHOWN) < 0.1:
            shape = view.train.shape
            signs = (u[:, :VECTORS] * u_form[:, :VECTORS]).sum(0).sign()
            for name, vectors in (
                ("linear", u[:, :VECTORS] * signs),
                ("gaussian", u_form[:, :VECTORS]),
            ):
                ledger.pictures[f"vectors/{name}"] = vector_pictures(vectors, shape)

    def _distances(
        self, ledger: Ledger, view: View, linear: LinearDenoiser, fresh: Pictures
    ) -> None:
        """All pairs of denoisers on held-out pictures that were not fitted."""
        ids = fresh.ids.tolist()
        x0 = fresh.floats()
        eps = noise(ids, view.train.shape, seed=self.seed, stream="held_out")
        forms: dict[str, Denoiser] = {
            "network": view.denoiser,
            "linear": linear,
            "gaussian": view.gaussian,
            "multi_delta": view.multi_delta,
        }
        for sigma in known_levels(view.denoiser, karras_levels(10).tolist()):
            x = x0 + sigma * eps
            answers = {name: form(x, as_sigma(sigma, x)) for name, form in forms.items()}
            for one, two in PAIRS:
                keys = {"denoiser": one, "reference": two, "sigma": sigma}
                ledger.values("score_error", score_error(answers[one], answers[two]), **keys)
                ratio = score_error_norm_ratio(answers[one], answers[two])
                ledger.values("score_error_norm_ratio", ratio, **keys)
