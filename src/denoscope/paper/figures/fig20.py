"""Figure 20: as Fig. 7 on the second set of pictures: narrow to wide networks."""

from functools import partial

from denoscope.paper.figure import Figure
from denoscope.paper.figures.distance_claims import WIDTH_RULE, along_width
from denoscope.paper.figures.distance_sweep import DistanceSweep

__all__ = ["FIGURE"]

_SWEEP = DistanceSweep(20, "second", "width")

FIGURE = Figure(
    number=20,
    title="RMSE to the Gaussian, and samples, for widths on few pictures of the second set",
    claim="On another set too: narrow networks of few pictures are nearer to the Gaussian at intermediate "
    "noise, and farther from it at high noise.",
    acceptance=WIDTH_RULE,
    needs=_SWEEP.needs,
    draw=_SWEEP.draw,
    check=partial(along_width, _SWEEP),
)
