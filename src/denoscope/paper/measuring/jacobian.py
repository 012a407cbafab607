"""The Jacobian of a model along one of its trajectories: its leading singular vectors, and what they are."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from denoscope.metrics import (
    JacobianSVD,
    jacobian_asymmetry,
    jacobian_svd,
    jacobian_trace,
    subspace_overlap,
    vector_correlation,
)
from denoscope.metrics.jacobian import Jacobian as Products
from denoscope.noise import noise
from denoscope.paper.measuring.measurement import (
    Ledger,
    Measurement,
    Report,
    evaluation_seconds,
    to_uint8,
    vector_pictures,
)
from denoscope.paper.subject import View
from denoscope.sampling import trajectory
from denoscope.sweeps import Store

__all__ = ["Jacobian"]

SHOWN = 3  # vectors kept as pictures (Li et al. 2024, Fig. 28)


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
        shape = view.train.shape
        eps = noise([0], shape, seed=self.seed, stream="sample")
        components = view.gaussian.eigenvectors
        ledger.pictures["components"] = vector_pictures(components[:, :SHOWN], shape)
        way = []
        for place, step in enumerate(trajectory(view.denoiser, eps, list(self.levels))):
            way.append(step.x0_hat)
            at = Products(view.denoiser, step.x[0].float(), step.sigma_used)
            found = jacobian_svd(at, self.vectors)
            self._rows(ledger, at, found, components, step.sigma)
            match = vector_correlation(found.u, components[:, : self.vectors])
            ledger.pictures[f"correlation/{place}"] = (
                (255 * match).round().to(torch.uint8)[None, None].numpy()
            )
            ledger.pictures[f"vectors/{place}"] = vector_pictures(found.u[:, :SHOWN], shape)
            report((place + 1) / len(self.levels))
        ledger.pictures["trajectory"] = to_uint8(torch.stack(way, dim=1))

    def _rows(
        self,
        ledger: Ledger,
        at: Products,
        found: JacobianSVD,
        components: Tensor,
        sigma: float,
    ) -> None:
        keys: dict[str, Any] = {"denoiser": "network", "inputs": "noise", "sigma": sigma}
        ledger.spectrum("singular_value", found.s, **keys)
        worst = float(found.residuals.max() / found.s[0])
        ledger.number("jacobian_residual", worst, **keys)
        ledger.number("jacobian_converged", float(found.converged), **keys)
        leading = components[:, : self.vectors]
        overlap = float(subspace_overlap(found.u, leading)[-1])
        ledger.number("component_alignment", overlap, **keys)
        match = vector_correlation(found.u, leading)
        ledger.spectrum("vector_correlation", match.diagonal(), **keys)
        ledger.estimate("jacobian_trace", jacobian_trace(at, seed=self.seed), **keys)
        ledger.estimate("jacobian_asymmetry", jacobian_asymmetry(at, seed=self.seed), **keys)
