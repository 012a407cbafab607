"""The first two moments of uint8 pictures, exact, and merged by addition.

With u the bytes, S = sum u and G = sum u u^T are integers, formed without rounding in one pass
(`integer_moments`). The moments of a set are the sum of those of its parts, in any order and to the
last bit, so parts may be counted by as many processes as there are:

>>> import torch
>>> pixels = torch.arange(96, dtype=torch.uint8).reshape(6, 1, 4, 4)
>>> parts = Moments.of(pixels[:2]) + Moments.of(pixels[2:])
>>> bool((parts.products == Moments.of(pixels).products).all())
True
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images import Pictures, integer_moments

__all__ = ["Moments"]

INT64 = 1 << 63


@dataclass(frozen=True, eq=False)
class Moments:
    """count: N. total: S. products: G. shape: (C, H, W), with d = C H W. All in grey levels."""

    count: int
    total: Int[Tensor, " d"]
    products: Int[Tensor, "d d"]
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, pictures: Pictures | Tensor) -> "Moments":
        """Of Pictures or a uint8 tensor (N, C, H, W), N at least 1. InputError for anything else."""
        shape = tuple(pictures.shape if isinstance(pictures, Pictures) else pictures.shape[1:])
        if len(shape) != 3 or len(pictures) == 0:
            raise InputError(
                f"{len(pictures)} pictures of shape {shape}; give some, as (N, C, H, W)"
            )
        return cls(len(pictures), *integer_moments(pictures), shape)

    def __add__(self, other: "Moments") -> "Moments":
        """Of both sets together. Raises InputError where their pictures differ in shape."""
        if self.shape != other.shape:
            raise InputError(
                f"moments of pictures of {self.shape} and {other.shape}: give one shape"
            )
        return Moments(
            self.count + other.count,
            self.total + other.total,
            self.products + other.products,
            self.shape,
        )

    def mean(self) -> Float[Tensor, " d"]:
        """S / N, float64."""
        return self.total.double() / self.count

    def covariance(self) -> Float[Tensor, "d d"]:
        """(N G - S S^T) / N^2, float64.

        The numerator is exact in int64 up to N = 11.9 million (65025 N^2 < 2^63), so that the one
        rounding is that of the division; beyond, it is formed in float64.
        """
        n = self.count
        if 65025 * n**2 < INT64:
            return (n * self.products - self.total[:, None] * self.total).double().div_(n**2)
        mean = self.mean()
        return self.products.double().div_(n).sub_(mean[:, None] * mean)
