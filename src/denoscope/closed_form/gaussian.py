"""The Gaussian denoiser: optimal where the data are Gaussian, linear whatever they are.

For pictures y_1 .. y_N in R^d with mean and covariance (1/N, not 1/(N-1))

    mu = (1/N) sum_i y_i,    Sigma = (1/N) sum_i (y_i - mu)(y_i - mu)^T = U diag(lam) U^T,

the minimum-mean-square denoiser of N(mu, Sigma) under x = x0 + sigma eps is

    D_G(x; sigma) = mu + U diag(lam / (lam + sigma^2)) U^T (x - mu)       (Li et al. 2024, eq. 6).

Derivation: x0 and x are jointly Gaussian with Cov(x0, x) = Sigma and Cov(x) = Sigma + sigma^2 I, so
E[x0 | x] = mu + Sigma (Sigma + sigma^2 I)^-1 (x - mu), diagonal in the basis U. It depends on the
data through their first two moments alone, and among all linear denoisers it has the smallest
denoising error on the data.

A direction without variance (lam = 0) is sent to the mean at every sigma > 0, and so in the limits:
at sigma = 0 the denoiser is the projection on mu + span(U), at infinity the mean. Hence only the r
directions with variance are kept, which is exact; N pictures give r <= min(N - 1, d). A direction
counts where lam > eps d max(lam), the rounding of the eigenvalue problem itself.

**The fit.** Moments of uint8 pictures are integers. With u the bytes, S = sum u and G = sum u u^T
are exact, and so is N^2 Cov(u) = N G - S S^T in int64 (65025 N^2 < 2^63, to N = 11.9 million;
beyond, and for latents, moments are formed in float64). The one rounding comes after, in the
division by N^2: the fit has the same bits for any chunk and any order of the pictures. Where N <= d
the same is done with the N x N products P = u u^T, centred on both sides, N^2 K =
N^2 P - N (R 1^T + 1 R^T) + T with R the row sums of P and T their total; an eigenvector v of K then
gives the direction (u - mean)^T v.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError
from denoscope.images import Pictures, integer_matmul, integer_moments

__all__ = ["GaussianDenoiser"]

EPS = torch.finfo(torch.float64).eps
INT64 = 1 << 63


class GaussianDenoiser:
    """D_G(x; sigma) = mu + U diag(lam / (lam + sigma^2)) U^T (x - mu), sigma from 0 to infinity.

    mean: (C, H, W), in picture units. eigenvalues: (r,), variances > 0 from large to small, in
    picture units squared. eigenvectors: (d, r) with d = C*H*W, orthonormal columns. All are kept in
    float64. `fit` makes one from pictures. Source: Li et al. 2024, eq. 6.

    Raises InputError where the three do not fit together or are not finite.
    """

    def __init__(
        self,
        mean: Tensor,
        eigenvalues: Tensor,
        eigenvectors: Tensor,
        name: str = "gaussian",
    ) -> None:
        if mean.ndim != 3 or eigenvectors.shape != (mean.numel(), *eigenvalues.shape):
            raise InputError(
                f"mean {tuple(mean.shape)}, eigenvalues {tuple(eigenvalues.shape)}, eigenvectors "
                f"{tuple(eigenvectors.shape)}; give (C, H, W), (r,) and (C*H*W, r)"
            )
        if not all(bool(part.isfinite().all()) for part in (mean, eigenvalues, eigenvectors)):
            raise InputError("mean, eigenvalues or eigenvectors hold NaN or infinity")
        if bool((eigenvalues <= 0).any()):
            raise InputError(
                f"smallest eigenvalue {float(eigenvalues.min()):g}; "
                "give positive ones, leaving out directions without variance"
            )
        order = eigenvalues.double().argsort(descending=True, stable=True)
        self.mean = mean.double()
        self.eigenvalues = eigenvalues.double()[order]
        self.eigenvectors = eigenvectors.double()[:, order].contiguous()
        channels, height, width = mean.shape
        self.spec = Spec(name, (channels, height, width), citations=("Li et al. 2024",))
        self._single = (self.mean.reshape(-1).float(), self.eigenvectors.float())

    @classmethod
    def fit(cls, pictures: Pictures | Tensor, name: str = "gaussian") -> "GaussianDenoiser":
        """The denoiser of the pictures' mean and 1/N covariance.

        pictures: Pictures, a uint8 tensor (N, C, H, W), or float latents (N, C, H, W). Solves the
        smaller of the N x N and the d x d eigenvalue problem, in float64.

        Raises InputError where `pictures` is none of these or is not finite.
        """
        data = DataMatrix.of(pictures)
        n, d = data.rows.shape
        solve = _dual if n <= d else _primal
        mean, lam, basis, floor = solve(data)
        # Largest first, and no more directions than N pictures can span.
        lam, basis = lam.flip(0)[: n - 1], basis.flip(1)[:, : n - 1]
        keep = lam > max(EPS * d * float(lam.max()) if len(lam) else 0.0, floor)
        lam, basis = lam[keep], basis[:, keep]
        mean = (mean * data.scale + data.shift).reshape(data.shape)
        return cls(mean, lam * data.scale**2, basis, name)

    @property
    def rank(self) -> int:
        """The number of directions with variance."""
        return self.eigenvalues.shape[0]

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x0_hat, (B, C, H, W): two thin products in the eigenbasis, in x's dtype.

        sigma: (B,) or (1,), from 0 (projection on the data's affine span) to infinity (the mean).
        Raises InputError on a wrong shape, SigmaOutOfRange on a negative or NaN level.
        """
        check_call(self.spec, x, sigma)
        if x.dtype == torch.float64:
            mean, basis = self.mean.reshape(-1), self.eigenvectors
        else:
            mean, basis = self._single
        gain = self._gain(sigma.to(x.device)).to(mean.dtype)
        coordinates = (x.reshape(x.shape[0], -1).to(mean.dtype) - mean) @ basis
        return (mean + (coordinates * gain) @ basis.T).reshape(x.shape).to(x.dtype)

    def _gain(self, sigma: Tensor) -> Tensor:
        """lam / (lam + sigma^2), float64 (B, r) or (1, r)."""
        return self.eigenvalues / (self.eigenvalues + sigma.double().reshape(-1, 1) ** 2)

    def matrix(self, sigma: float) -> Float[Tensor, "d d"]:
        """W = U diag(lam / (lam + sigma^2)) U^T of D_G(x) = W x + b, float64 (eq. 8)."""
        return (self.eigenvectors * self._gain(self._level(sigma))) @ self.eigenvectors.T

    def bias(self, sigma: float) -> Float[Tensor, " d"]:
        """b = mu - W mu of D_G(x) = W x + b, float64 (eq. 8)."""
        mean = self.mean.reshape(-1)
        gain = self._gain(self._level(sigma)).reshape(-1)
        return mean - self.eigenvectors @ (gain * (self.eigenvectors.T @ mean))

    def to(self, device: torch.device | str) -> "GaussianDenoiser":
        """The same denoiser on another device."""
        return GaussianDenoiser(
            self.mean.to(device),
            self.eigenvalues.to(device),
            self.eigenvectors.to(device),
            self.spec.name,
        )

    def _level(self, sigma: float) -> Tensor:
        level = torch.as_tensor(sigma, dtype=torch.float64, device=self.mean.device).reshape(1)
        check_call(self.spec, self.mean[None], level)
        return level


def _primal(data: DataMatrix) -> tuple[Tensor, Tensor, Tensor, float]:
    """Mean (d,), eigenvalues ascending and eigenvectors (d, d) of the covariance, and the floor.

    All in stored units. The floor is the variance that may be nothing but the rounding of the mean:
    nought where moments are exact.
    """
    n = len(data.rows)
    if data.rows.dtype == torch.uint8 and 65025 * n**2 < INT64:
        sums, products = integer_moments(data.rows)
        covariance = (n * products - sums[:, None] * sums).double() / n**2
        mean, floor = sums.double() / n, 0.0
    else:
        mean, floor = _mean_and_floor(data)
        covariance = sum((rows - mean).T @ (rows - mean) for _, rows in data.chunks()) / n
    lam, basis = torch.linalg.eigh(covariance)
    return mean, lam, basis, floor


def _dual(data: DataMatrix) -> tuple[Tensor, Tensor, Tensor, float]:
    """The same through the N x N products, for N <= d; eigenvectors are (d, N)."""
    n, d = data.rows.shape
    if data.rows.dtype == torch.uint8 and 65025 * d * n**2 < INT64:
        # In an order of their own, so that the fit has the same bits for any order they come in.
        keys = [bytes(row) for row in data.rows.cpu().numpy()]
        stored = data.rows[sorted(range(n), key=keys.__getitem__)]
        products = integer_matmul(stored, stored)
        sums = products.sum(1)
        gram = (n * (n * products - sums[:, None] - sums) + sums.sum()).double() / n**3
        mean, floor = stored.sum(0).double() / n, 0.0
        centred = stored.double() - mean
    else:
        mean, floor = _mean_and_floor(data)
        centred = data.rows.double() - mean
        gram = centred @ centred.T / n
    _, v = torch.linalg.eigh(gram)
    # Columns of small variance come out of this product less than orthogonal. QR takes them from
    # the largest on, so that it leaves the well-determined ones as they are.
    basis = torch.linalg.qr(centred.T @ v.flip(1)).Q.flip(1)
    lam = (centred @ basis).square().sum(0) / n
    return mean, lam, basis, floor


def _mean_and_floor(data: DataMatrix) -> tuple[Tensor, float]:
    """Mean (d,) of latents, and the variance that the rounding of their sum can amount to."""
    n, d = data.rows.shape
    mean = torch.stack([rows.sum(0) for _, rows in data.chunks()]).sum(0) / n
    return mean, d * (n * EPS * float(data.rows.abs().max())) ** 2
