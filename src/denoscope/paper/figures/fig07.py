"""Figure 7: distance to the Gaussian and samples, for narrow to wide networks of few pictures."""

from functools import partial

from denoscope.paper.figure import Figure
from denoscope.paper.figures.distance_claims import WIDTH_RULE, along_width
from denoscope.paper.figures.distance_sweep import DistanceSweep

__all__ = ["FIGURE"]

_SWEEP = DistanceSweep(7, "main", "width")

FIGURE = Figure(
    number=7,
    title="RMSE to the Gaussian against sigma, and samples, for widths on a small set",
    claim="On few pictures a narrow network stays near the Gaussian at intermediate noise where a wide "
    "one memorizes; at high noise the narrow one is the worse.",
    acceptance=WIDTH_RULE,
    needs=_SWEEP.needs,
    draw=_SWEEP.draw,
    check=partial(along_width, _SWEEP),
)
