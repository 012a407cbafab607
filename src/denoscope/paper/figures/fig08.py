"""Figure 8: distance to the Gaussian and samples, along the training of one network of few pictures."""

from functools import partial

from denoscope.paper.figure import Figure
from denoscope.paper.figures.distance_claims import LENGTH_RULE, along_length
from denoscope.paper.figures.distance_sweep import DistanceSweep

__all__ = ["FIGURE"]

_SWEEP = DistanceSweep(8, "main", "length")

FIGURE = Figure(
    number=8,
    title="RMSE to the Gaussian against sigma, and samples, along training on a small set",
    claim="A network of few pictures nears the Gaussian first and leaves it again as it comes to "
    "memorize: there is a best time to stop.",
    acceptance=LENGTH_RULE,
    needs=_SWEEP.needs,
    draw=_SWEEP.draw,
    check=partial(along_length, _SWEEP),
)
