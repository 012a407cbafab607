"""The linear model distilled from a network, and how it compares with the Gaussian of the training set."""

from typing import ClassVar, Literal

from denoscope.closed_form import LinearDenoiser
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["Distillation"]


class Distillation(Measurement):
    """Eq. 9 solved exactly at each level, on `pictures` pictures of one kind of input.

    Rows, by level; what is compared is compared on held-out pictures that no fit saw:

    score_error, score_error_norm_ratio   (network, linear), (network, gaussian),
                          (network, multi_delta), (linear, gaussian), (gaussian, multi_delta)
    weight_difference     ||W_L - W_G||_F^2 / ||W_G||_F^2
    symmetry_defect       ||W_L - W_L^T||_F / ||W_L||_F
    singular_value        denoiser "linear" or "gaussian", index k: the leading 100
    vector_correlation    |<u_k of W_L, u_k of W_G>|, index k
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
        raise NotImplementedError
