"""Figure 6: distance to the Gaussian and samples, for networks of few to many pictures."""

from functools import partial

from denoscope.paper.figure import Figure
from denoscope.paper.figures.distance_claims import N_RULE, along_images
from denoscope.paper.figures.distance_sweep import DistanceSweep

__all__ = ["FIGURE"]

_SWEEP = DistanceSweep(6, "main", "images")

FIGURE = Figure(
    number=6,
    title="RMSE to the Gaussian against sigma, and samples, for N training pictures",
    claim="The more pictures, the nearer the network to the Gaussian at intermediate noise; its samples "
    "go from replicas of training pictures to novel ones.",
    acceptance=N_RULE,
    needs=_SWEEP.needs,
    draw=_SWEEP.draw,
    check=partial(along_images, _SWEEP),
)
