"""The principal directions of a data set: mean, variances and axes, found in one of three ways.

**d x d** (N > d). The covariance of uint8 pictures comes from exact integers (`Moments`): the same
bits for any chunk, order or number of parts. Latents are centred first and multiplied in float64.

**N x N** (N <= d). With P = u u^T, R its row sums and T their total, N^2 K = N^2 P - N (R 1^T +
1 R^T) + T are the products of the centred pictures, again in integers; an eigenvector v of K gives
the direction (u - mean)^T v.

**Leading directions alone**, where d x d is too large: a block Krylov space of a random start X, spanned
by X, Sigma X, Sigma^2 X ..., two thin float32 products a pass over the data, and the Ritz pairs of all of
it (Musco & Musco 2015), which settle in the square root of the passes that a power iteration takes. A Ritz
pair comes with |Sigma v - lam v|, within which of it an eigenvalue lies; the variance left out is known
exactly.

A direction counts where lam > eps d max(lam), the rounding of the eigenvalue problem itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.moments import INT64, Moments
from denoscope.images import integer_matmul

__all__ = ["Principal", "Truncation", "leading", "principal_of_data", "principal_of_moments"]

EPS = torch.finfo(torch.float64).eps
SPARE = 16  # directions at least in a block: so often may a variance be repeated
BLOCKS = 4  # blocks that come to as many directions as are asked for
PASSES = 20  # over the data at most
SETTLED = 1e-4  # residual over the largest eigenvalue


@dataclass(frozen=True)
class Truncation:
    """What a fit to leading directions left out, in the units of its variances.

    variance: the sum of the variances left out. residuals: (r,), |Sigma v - lam v| of each kept.
    """

    variance: float
    residuals: Tensor


@dataclass(frozen=True)
class Principal:
    """mean: (d,). variances: (r,) > 0, largest first. axes: (d, r), orthonormal. All float64."""

    mean: Tensor
    variances: Tensor
    axes: Tensor
    truncation: Truncation | None = None

    def scaled(self, data: DataMatrix) -> "Principal":
        """The same in picture units."""
        square, cut = data.scale**2, self.truncation
        return Principal(
            data.pictures(self.mean),
            self.variances * square,
            self.axes,
            cut and Truncation(cut.variance * square, cut.residuals * square),
        )


def principal_of_moments(moments: Moments, origin: Tensor) -> Principal:
    """Of uint8 pictures, through d x d, in stored units."""
    lam, axes = torch.linalg.eigh(moments.covariance())
    return _trimmed(moments.mean() - origin, lam.flip(0), axes.flip(1), moments.count, 0.0)


def principal_of_data(data: DataMatrix) -> Principal:
    """Through the smaller of the two problems; in stored units."""
    n, d = data.stored.shape
    if n <= d:
        return _dual(data)
    if data.stored.dtype == torch.uint8:
        moments = Moments.of(data.stored.reshape(n, *data.shape))
        return principal_of_moments(moments, data.origin)
    covariance = sum((rows.T @ rows for _, rows in data.chunks()), torch.zeros(()).double()) / n
    lam, axes = torch.linalg.eigh(covariance)
    mean = torch.zeros_like(data.origin)
    return _trimmed(mean, lam.flip(0), axes.flip(1), n, _rounding(data))


def leading(data: DataMatrix, rank: int) -> Principal:
    """The `rank` directions of largest variance, or all where there are no more; in stored units."""
    n, d = data.stored.shape
    if rank + SPARE >= min(n, d):
        return _cut(principal_of_data(data), rank)
    mean = sum((rows.sum(0) for _, rows in data.chunks()), torch.zeros_like(data.origin)) / n
    total = sum(float((rows - mean).square().sum()) for _, rows in data.chunks()) / n
    lam, axes, residuals = _krylov(data, mean.float(), rank)
    kept = lam > EPS * d * lam[0].clamp(min=0)
    left = max(0.0, total - float(lam[kept].sum()))
    return Principal(mean, lam[kept], axes[:, kept], Truncation(left, residuals[kept]))


def _krylov(data: DataMatrix, mean: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Leading variances (rank,), axes (d, rank), residuals (rank,), by one pass over the data a block."""
    n, d = data.stored.shape
    width = max(SPARE, rank // BLOCKS)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(d, width, dtype=torch.float64, generator=generator).to(mean.device)
    block = torch.linalg.qr(start).Q
    basis, images = block[:, :0], block[:, :0]
    while True:
        image, narrow = torch.zeros_like(block), block.float()
        for _, rows in data.chunks(dtype=torch.float32):
            rows.sub_(mean)
            image += rows.T @ (rows @ narrow)
        image /= n
        basis, images = torch.cat([basis, block], dim=1), torch.cat([images, image], dim=1)
        if basis.shape[1] >= rank:
            small = basis.T @ images
            lam, turn = torch.linalg.eigh((small + small.T) / 2)
            lam, turn = lam.flip(0)[:rank], turn.flip(1)[:, :rank]
            axes = basis @ turn
            residuals = torch.linalg.vector_norm(images @ turn - axes * lam, dim=0)
            full = basis.shape[1] + width > min(d, width * PASSES)
            if full or bool((residuals <= SETTLED * lam[0]).all()):
                return lam, axes, residuals
        block = image
        for _ in range(2):  # once leaves what rounding brings back
            block = torch.linalg.qr(block - basis @ (basis.T @ block)).Q


def _dual(data: DataMatrix) -> Principal:
    n, d = data.stored.shape
    if data.stored.dtype == torch.uint8 and 65025 * d * n**2 < INT64:
        # In an order of their own, so that the fit has the same bits for any order they come in.
        keys = [bytes(row) for row in data.stored.cpu().numpy()]
        stored = data.stored[sorted(range(n), key=keys.__getitem__)]
        products = integer_matmul(stored, stored)
        sums = products.sum(1)
        gram = (n * (n * products - sums[:, None] - sums) + sums.sum()).double() / n**3
        mean, floor = stored.sum(0).double() / n - data.origin, 0.0
        rows = stored.double() - stored.sum(0).double() / n
    else:
        rows = data.rows(slice(None))
        mean, floor = rows.mean(0), _rounding(data)
        rows -= mean
        gram = rows @ rows.T / n
    _, v = torch.linalg.eigh(gram)
    # Columns of small variance come out of this product less than orthogonal. QR takes them from
    # the largest on, so that it leaves the well-determined ones as they are.
    axes = torch.linalg.qr(rows.T @ v.flip(1)).Q
    lam = (rows @ axes).square().sum(0) / n
    return _trimmed(mean, lam, axes, n, floor)


def _trimmed(mean: Tensor, lam: Tensor, axes: Tensor, n: int, floor: float) -> Principal:
    """Without directions of no variance, of which N pictures leave all but N - 1."""
    lam, axes = lam[: n - 1], axes[:, : n - 1]
    largest = float(lam.max()) if len(lam) else 0.0
    kept = lam > max(EPS * len(mean) * largest, floor)
    return Principal(mean, lam[kept], axes[:, kept])


def _cut(whole: Principal, rank: int) -> Principal:
    lam, left = whole.variances[:rank], float(whole.variances[rank:].sum())
    return Principal(whole.mean, lam, whole.axes[:, :rank], Truncation(left, torch.zeros_like(lam)))


def _rounding(data: DataMatrix) -> float:
    """The variance that the rounding of latents' mean can amount to."""
    n, d = data.stored.shape
    largest = 0.0 if data.stored.dtype == torch.uint8 else float(data.stored.abs().max())
    return d * (n * EPS * largest) ** 2
