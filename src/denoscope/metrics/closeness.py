"""Closeness shares: how much of a network is the Gaussian denoiser, how much the multi-delta.

T, G, M are the network's, the Gaussian's and the multi-delta's x0_hat on the same inputs at one
sigma, B what a denoiser does that knows next to nothing (the baseline). Two questions:

Share explained (one minus the fraction of unexplained variance of Wang & Vastola 2024, with B in
place of x):

    share(R) = 1 - sum ||T - R||^2 / sum ||T - B||^2          R = G or M

1: the network is R. 0: R tells no more of it than the baseline. Below 0: less. With the mean
picture as B anything that returns its input scores near 1 at low sigma, and with x as B anything
that returns the mean scores near 1 at high sigma; `isotropic` (the mean and one variance) is strict
at both ends, and the one to choose.

Position on the segment from G to M:

    t = sum <T - G, M - G> / sum ||M - G||^2                  0 at G, 1 at M

with the part off the segment told by

    alignment = sum <T - G, M - G> / sqrt( sum ||T - G||^2 sum ||M - G||^2 )      in [-1, 1],

whose square is the share of the network's departure from G that goes towards M.

Sums run over pictures: a ratio of sums is stable where single pictures have small denominators.

Limits. Where M and G agree (very high sigma) position and alignment are undefined: NaN below
`RESOLUTION`. Both shares can be near 1 there; they do not add up to 1 anywhere. Closeness to M is
no sign of memorization where M is right: with many training pictures M is the better of the two
from sigma of about 1 up (Fashion-MNIST, N = 60,000), and a network that generalizes lies nearer to
it there. Only where M has collapsed onto single pictures (effective number of pictures near 1) and
the inputs are held out does t near 1 mean copying. On training inputs at low sigma M is the clean
picture, and so is any good network.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.per_picture import rows
from denoscope.metrics.statistics import Estimate, ratio_of_sums

__all__ = ["RESOLUTION", "Closeness", "closeness", "isotropic"]

RESOLUTION = 1e-4  # RMSE between G and M in pixel units; closed forms are exact to 1e-5


@dataclass(frozen=True)
class Closeness:
    """Squared distances of each picture's denoised versions, float64 (B,), summed over pixels.

    from_gaussian: ||T - G||^2. from_multi_delta: ||T - M||^2. from_baseline: ||T - B||^2.
    apart: ||M - G||^2. along: <T - G, M - G>. pixels: d.
    """

    from_gaussian: Tensor
    from_multi_delta: Tensor
    from_baseline: Tensor
    apart: Tensor
    along: Tensor
    pixels: int

    @staticmethod
    def join(parts: "list[Closeness]") -> "Closeness":
        """Batches of pictures at one level, end to end."""
        if not parts or len({part.pixels for part in parts}) != 1:
            raise InputError("no batches, or batches of different picture sizes; join one level's")
        names = [field.name for field in fields(Closeness) if field.name != "pixels"]
        joined = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        return Closeness(**joined, pixels=parts[0].pixels)

    @property
    def gaussian_shares(self) -> Tensor:
        """share(G) of each picture by itself, (B,), at most 1; `gaussian_share` pools them."""
        return 1 - self.from_gaussian / self.from_baseline

    @property
    def multi_delta_shares(self) -> Tensor:
        """share(M) of each picture by itself, (B,), at most 1."""
        return 1 - self.from_multi_delta / self.from_baseline

    @property
    def positions(self) -> Tensor:
        """t of each picture by itself, (B,); NaN where its G and M agree within `RESOLUTION`."""
        apart = torch.where(self.apart <= self._floor, float("nan"), self.apart)
        return self.along / apart

    def gaussian_share(self) -> Estimate:
        """share(G) pooled over pictures."""
        return _complement(ratio_of_sums(self.from_gaussian, self.from_baseline))

    def multi_delta_share(self) -> Estimate:
        """share(M) pooled over pictures."""
        return _complement(ratio_of_sums(self.from_multi_delta, self.from_baseline))

    def position(self) -> Estimate:
        """t pooled over pictures: 0 at the Gaussian, 1 at the multi-delta; NaN where they agree."""
        if self._agree:
            return Estimate(float("nan"), float("nan"), len(self.apart))
        return ratio_of_sums(self.along, self.apart)

    def alignment(self) -> float:
        """Cosine of T - G and M - G over all pictures and pixels; NaN where M or T equals G."""
        if self._agree:
            return float("nan")
        scale = (self.from_gaussian.sum() * self.apart.sum()).sqrt()
        return float(self.along.sum() / scale)

    @property
    def _floor(self) -> float:
        return RESOLUTION**2 * self.pixels

    @property
    def _agree(self) -> bool:
        return float(self.apart.mean()) <= self._floor


def closeness(
    network: Tensor, gaussian: Tensor, multi_delta: Tensor, baseline: Tensor
) -> Closeness:
    """The distances that every share is made of, from four x0_hat (B, C, H, W) at one sigma.

    baseline: `isotropic(x, sigma, mean, variance)`, or the mean picture, or x.

    >>> import torch
    >>> T, G, M, B = (torch.tensor([[v, 0.0]]) for v in (1.0, 0.0, 2.0, -3.0))
    >>> c = closeness(T, G, M, B)
    >>> c.position().value, c.gaussian_share().value, c.alignment()
    (0.5, 0.9375, 1.0)
    """
    t, g, m, b = rows(network, gaussian, multi_delta, baseline.expand_as(network))
    return Closeness(
        from_gaussian=(t - g).square().sum(1),
        from_multi_delta=(t - m).square().sum(1),
        from_baseline=(t - b).square().sum(1),
        apart=(m - g).square().sum(1),
        along=((t - g) * (m - g)).sum(1),
        pixels=t.shape[1],
    )


def isotropic(x: Tensor, sigma: Tensor, mean: Tensor, variance: float) -> Tensor:
    """mean + v / (v + sigma^2) (x - mean): the denoiser that knows a mean and one variance.

    x: (B, C, H, W), sigma: (B,) or (1,), mean: (C, H, W), variance v: the data's, averaged over
    pixels. The mean picture at high sigma, x at low sigma.
    """
    shrink = variance / (variance + sigma.to(x.dtype).square())
    return mean + shrink.reshape(-1, *[1] * (x.ndim - 1)) * (x - mean)


def _complement(estimate: Estimate) -> Estimate:
    return Estimate(1 - estimate.value, estimate.se, estimate.n)
