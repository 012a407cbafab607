"""Figure 9: networks of disjoint training sets give the same pictures once they generalize."""

from denoscope.paper.figure import Figure
from denoscope.paper.figures.twins import RULE, TwinStudy

__all__ = ["FIGURE"]

_STUDY = TwinStudy(9, "main")

FIGURE = Figure(
    number=9,
    title="Samples of networks of disjoint sets from the same noise",
    claim="Networks of two large disjoint sets give the same pictures, near their Gaussians' and not in "
    "the sets; those of two small sets give their own training pictures, though the sets' Gaussians are "
    "nearly identical; stopping early or a narrow network make them alike again.",
    acceptance=RULE,
    needs=_STUDY.needs,
    draw=_STUDY.draw,
    check=_STUDY.check,
)
