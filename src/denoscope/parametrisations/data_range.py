"""The range of values a model was trained on, and the way there from this package's [-1, 1]."""

import math
from typing import NamedTuple

from torch import Tensor

from denoscope.errors import InputError

__all__ = ["DataRange"]


class DataRange(NamedTuple):
    """y = scale x + shift: from pictures x in [-1, 1] to the model's own y.

    Noise is scaled with the picture: y = y0 + (scale sigma) eps where x = x0 + sigma eps. A level of
    the model is `scale` times the level here.
    """

    scale: float
    shift: float

    @classmethod
    def of(cls, low: float, high: float) -> "DataRange":
        """Of a model trained on pictures in [low, high], black to white. Raises InputError."""
        if not -math.inf < low < high < math.inf:
            raise InputError(
                f"data_range ({low:g}, {high:g}): give (low, high), the model's values for black "
                "and white, low < high, e.g. (0, 1)"
            )
        return cls((high - low) / 2, (high + low) / 2)

    def inward(self, x: Tensor) -> Tensor:
        """From [-1, 1] to the model's values."""
        return self.scale * x + self.shift

    def outward(self, y: Tensor) -> Tensor:
        """From the model's values to [-1, 1]."""
        return (y - self.shift) / self.scale
