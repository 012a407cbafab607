"""Two orthonormal bases V and U that grow together, with J V = U R: what a Krylov method of J keeps."""

from collections.abc import Iterator

import torch
from torch import Tensor

from denoscope.metrics.jacobian import Jacobian

__all__ = ["Bases"]

KEPT, MOST_PASSES = 0.7, 4
"""A pass that leaves less of a unit vector is repeated: what it left is rounded, relative to itself."""
ROOM = 64  # directions for which there is room at first; doubled when it is full


class Bases:
    """V, U, J V and J^T U, (d, m) each, and R (m, m), upper triangular; float64. All empty at first.

    random: directions (d,) to take where a new one adds nothing, as all of J's image may be spanned.
    """

    def __init__(self, jacobian: Jacobian, random: Iterator[Tensor]) -> None:
        self.jacobian, self.random, self.m = jacobian, random, 0
        self._kept = torch.zeros(4, ROOM, jacobian.d, dtype=torch.float64)
        self.r = torch.zeros(0, 0, dtype=torch.float64)
        self.onward = self._ends = torch.zeros(jacobian.d, 0, dtype=torch.float64)

    @property
    def right(self) -> Tensor:
        """V."""
        return self._kept[0, : self.m].T

    @property
    def left(self) -> Tensor:
        """U."""
        return self._kept[1, : self.m].T

    @property
    def pushed(self) -> Tensor:
        """J V."""
        return self._kept[2, : self.m].T

    @property
    def pulled(self) -> Tensor:
        """J^T U."""
        return self._kept[3, : self.m].T

    def add(self, new: Tensor) -> None:
        """Take in columns (d, b), m + b <= d at most, made orthonormal: b products with J and b with J^T.

        `onward` is then what J^T made of the new columns of U, outside V: Golub and Kahan's next step.
        """
        new = _complement(new, self.right, self.random)
        pushed = self.jacobian.times(new)
        images = _complement(pushed, self.left, self.random)
        pulled = self.jacobian.transposed_times(images)
        m, self.m = self.m, self.m + new.shape[1]
        while self.m > self._kept.shape[1]:
            self._kept = torch.cat([self._kept, torch.zeros_like(self._kept)], dim=1)
        for place, columns in enumerate((new, images, pushed, pulled)):
            self._kept[place, m : self.m] = columns.T
        grown = torch.zeros(self.m, self.m, dtype=torch.float64)
        grown[:m, :m] = self.r
        grown[:, m:] = self.left.T @ pushed
        self.r = grown
        self.onward = pulled - self.right @ (self.right.T @ pulled)
        self._ends = torch.linalg.qr(self.onward, mode="r").R

    def leading(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """p (m, k), s (k,), q (m, k): the largest triplets of R; s falls. Fewer while m < k."""
        p, s, qh = torch.linalg.svd(self.r)
        return p[:, :k], s[:k], qh[:k].T

    def newest(self, p: Tensor) -> Tensor:
        """Of each J^T u - s v, u = U p, the length of the part that the newest columns leave."""
        return (self._ends @ p[self.m - self._ends.shape[1] :]).norm(dim=0)

    def missing(self, p: Tensor, s: Tensor, q: Tensor) -> Tensor:
        """J^T u - s v (d, k), of u = U p and v = V q."""
        return self.pulled @ p - self.right @ (q * s)

    def largest_since(self, m: int) -> float:
        """The largest value that the columns after the first m show of what those leave of J."""
        return float(torch.linalg.matrix_norm(self.r[m:, m:], ord=2))


def _complement(block: Tensor, basis: Tensor, random: Iterator[Tensor]) -> Tensor:
    """Orthonormal columns, orthogonal to those of `basis`, with what `block` adds to its span.

    As many as the block has: where it adds nothing, as all of J's image may be spanned already,
    random directions take the place.
    """
    out = block
    for _ in range(MOST_PASSES):
        lengths = out.norm(dim=0)
        out = out / torch.where(lengths > 0, lengths, 1)
        out = out - basis @ (basis.T @ out)
        lost = (out.norm(dim=0) < 1e-10).nonzero()[:, 0].tolist()
        for column in lost:
            fresh = next(random)
            out[:, column] = fresh - basis @ (basis.T @ fresh)
        out, rest = torch.linalg.qr(out)
        if not lost and bool((rest.diagonal().abs() > KEPT).all()):
            break  # little was taken away, so its rounding is little too
    return out
