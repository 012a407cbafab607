"""Figure 19: as Fig. 6 on the second set of pictures: few to many of them."""

from functools import partial

from denoscope.paper.figure import Figure
from denoscope.paper.figures.distance_claims import N_RULE, along_images
from denoscope.paper.figures.distance_sweep import DistanceSweep

__all__ = ["FIGURE"]

_SWEEP = DistanceSweep(19, "second", "images")

FIGURE = Figure(
    number=19,
    title="RMSE to the Gaussian, and samples, for N training pictures of the second set",
    claim="On another set too: the more pictures, the nearer the network to the Gaussian, and the fewer of its "
    "samples are replicas.",
    acceptance=N_RULE,
    needs=_SWEEP.needs,
    draw=_SWEEP.draw,
    check=partial(along_images, _SWEEP),
)
