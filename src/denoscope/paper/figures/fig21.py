"""Figure 21: as Fig. 8 on the second set of pictures: along the training of one network."""

from functools import partial

from denoscope.paper.figure import Figure
from denoscope.paper.figures.distance_claims import LENGTH_RULE, along_length
from denoscope.paper.figures.distance_sweep import DistanceSweep

__all__ = ["FIGURE"]

_SWEEP = DistanceSweep(21, "second", "length")

FIGURE = Figure(
    number=21,
    title="RMSE to the Gaussian, and samples, along training on few pictures of the second set",
    claim="On another set too: a network of few pictures nears the Gaussian first and leaves it again as it "
    "comes to memorize.",
    acceptance=LENGTH_RULE,
    needs=_SWEEP.needs,
    draw=_SWEEP.draw,
    check=partial(along_length, _SWEEP),
)
