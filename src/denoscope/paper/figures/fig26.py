"""Figure 26: as Fig. 9 on the second set of pictures: networks of disjoint training sets."""

from denoscope.paper.figure import Figure
from denoscope.paper.figures.twins import RULE, TwinStudy

__all__ = ["FIGURE"]

_STUDY = TwinStudy(26, "second")

FIGURE = Figure(
    number=26,
    title="Samples of networks of disjoint parts of the second set from the same noise",
    claim="On another set too: networks of two large disjoint sets give the same pictures, those of two "
    "small ones their own training pictures, and stopping early or a narrow network cures that.",
    acceptance=RULE,
    needs=_STUDY.needs,
    draw=_STUDY.draw,
    check=_STUDY.check,
)
