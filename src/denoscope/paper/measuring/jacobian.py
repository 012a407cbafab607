"""The Jacobian of a model along one of its trajectories: its leading singular vectors, and what they are."""

from typing import ClassVar

from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
)
from denoscope.paper.subject import View
from denoscope.sweeps import Store

__all__ = ["Jacobian"]


class Jacobian(Measurement):
    """dD/dx at the states x_t of one trajectory (Li et al. 2024, App. H.2), matrix-free.

    Rows, by level (the trajectory's):

    singular_value        index k, the leading `vectors`
    jacobian_residual     largest ||J v - s u|| and ||J^T u - s v|| over s_1, and jacobian_converged (0 or 1)
    component_alignment   share of the leading singular vectors' energy inside the span of as many
                          leading principal components of the training set, 0 to 1
    vector_correlation    |<u_k, pc_k>|, index k
    jacobian_trace        trace(J) / d, with its error
    jacobian_asymmetry    ||J - J^T||_F / ||J||_F, estimated

    Pictures: correlation/PLACE (1, 1, K, K), 255 |U(x_t)^T U|; vectors/PLACE (3, C, H, W), the first
    three left singular vectors; components (3, C, H, W), the principal components; trajectory
    (1, levels, C, H, W), D(x_t; sigma_t).
    """

    kind: ClassVar[str] = "jacobian"

    levels: tuple[float, ...]
    vectors: int = 16

    def seconds(self) -> float:
        return evaluation_seconds(self.subject, 2000 * len(self.levels))

    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        raise NotImplementedError
