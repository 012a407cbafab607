"""A sweep of networks, each held against the Gaussian of its training set: Figs 6, 7, 8, 19, 20, 21."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from denoscope.paper.cells import Cells, FamilyCells
from denoscope.paper.figure import Drawing
from denoscope.paper.reading import (
    INTERMEDIATE,
    along_panel,
    between,
    compared,
    cosines,
    curves_panel,
    error_between,
    finished,
    mean_between,
    mean_picture,
    series_styles,
)
from denoscope.paper.shared import audit_of
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.palette import Style, denoiser_style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["HIGH", "DistanceSweep", "Point"]

HIGH = (20.0, 100.0)  # sigma; the paper's 20 to 80
SHOWN = 8
X_TITLES = {
    "images": "training pictures N",
    "width": "width (channels of the first block)",
    "length": "pictures seen in training, thousands",
}


@dataclass(frozen=True)
class Point:
    """One network of a sweep, measured.

    at: its N, width or thousands of pictures seen. distance: the mean over sigma in 0.1-20 of its
    RMSE to the Gaussian on held-out pictures; high_distance: the same over 20-80; copies: the share
    of samples with d1/d2 < 1/3, control: that of held-out pictures; likeness: the centred cosine of
    its samples and the Gaussian's; by_level: the distance at each level in 0.1-20, low to high.
    """

    at: float
    distance: float
    distance_error: float
    high_distance: float
    copies: float
    copies_error: float
    control: float
    likeness: float
    by_level: dict[float, float]

    @property
    def excess(self) -> float:
        """Copies beyond what held-out pictures would give."""
        return self.copies - self.control


@dataclass(frozen=True)
class DistanceSweep:
    """What the six figures share; `number` is the figure's.

    along "images": the ladder. "width" and "length": of the small set, with the network of the largest
    set to compare with.
    """

    number: int
    family: Literal["main", "second"]
    along: Literal["images", "width", "length"]

    def networks(self, cells: Cells) -> dict[str, tuple[float, Subject]]:
        """Words for the legend -> (N, width or thousands seen; the network)."""
        of = self._of(cells)
        if self.along == "images":
            return {f"N = {s.data.n:,}": (s.data.n, s) for s in of.ladder()}
        if self.along == "width":
            widths = zip(of.family.widths, of.widths(), strict=True)
            return {f"width {width}": (width, subject) for width, subject in widths}
        return {f"{s.seen_kimg:g} thousand": (s.seen_kimg, s) for s in of.lengths()}

    def needs(self, cells: Cells) -> list[Task]:
        audits = [audit_of(cells, subject) for _, subject in self.networks(cells).values()]
        reference = self._reference(cells)
        return [*audits, *([reference] if reference else [])]

    def points(self, cells: Cells, store: Store) -> list[Point]:
        """The sweep measured, in its order."""
        return [
            _measured(at, audit_of(cells, subject), store)
            for at, subject in self.networks(cells).values()
        ]

    def draw(self, cells: Cells, store: Store) -> list[Drawing]:
        return [self._curves(cells, store), self._along(cells, store), self._samples(cells, store)]

    def _of(self, cells: Cells) -> FamilyCells:
        return cells.main if self.family == "main" else cells.second

    def _reference(self, cells: Cells) -> AuditTask | None:
        return None if self.along == "images" else audit_of(cells, self._of(cells).large())

    @property
    def _stem(self) -> str:
        return f"fig-{self.number:02}"

    def _set(self, cells: Cells) -> str:
        """The training set of the sweep, in words; empty where N is what changes."""
        return "" if self.along == "images" else f", N = {self._of(cells).family.small:,}"

    def _curves(self, cells: Cells, store: Store) -> Chart:
        networks, reference = self.networks(cells), self._reference(cells)
        tasks = [audit_of(cells, subject) for _, subject in networks.values()]
        styles = series_styles(list(networks))
        if reference is not None:
            tasks.append(reference)
            styles.append(Style(f"N = {reference.train.data.n:,}, full width", "#222222", (4, 3)))
        parts = [
            (style, compared(store.table(task), "network", "gaussian"))
            for style, task in zip(styles, tasks, strict=True)
        ]
        panel = curves_panel(
            parts,
            caption="Noisy held-out pictures" + self._set(cells),
            y_title="RMSE, network to Gaussian",
            hold=(0.0,),
        )
        return Chart(
            f"{self._stem}-distance",
            "Distance of each network to the Gaussian denoiser of its training set",
            "RMSE between the two answers (eq. 10): the nearer to zero, the more of the network its "
            "training set's mean and covariance explain.",
            (panel,),
            figure=f"Fig. {self.number} (left)",
        )

    def _along(self, cells: Cells, store: Store) -> Chart:
        points = [p for p in self.points(cells, store) if p.at > 0]  # the axis is logarithmic
        network, control = denoiser_style("network"), denoiser_style("")
        distance = along_panel(
            [(network, [(p.at, p.distance, p.distance_error) for p in points]), (control, [])],
            caption="Distance to the Gaussian",
            x_title=X_TITLES[self.along],
            y_title="mean RMSE, σ in 0.1 … 20",
        )
        copies = along_panel(
            [
                (network, [(p.at, p.copies, p.copies_error) for p in points]),
                (control, [(p.at, p.control, 0.0) for p in points]),
            ],
            caption="Copies among samples",
            x_title=X_TITLES[self.along],
            y_title="memorization ratio",
            hold=(0.0, 1.0),
        )
        return Chart(
            f"{self._stem}-along",
            "Nearness to the Gaussian, and copies" + self._set(cells),
            "Left, the mean of the curves over the intermediate levels. Right, the share of samples "
            "with d1/d2 < 1/3, beside that of real pictures the network never saw.",
            (distance, copies),
            figure=f"Fig. {self.number}",
        )

    def _samples(self, cells: Cells, store: Store) -> PictureSheet:
        networks, rows = self.networks(cells), []
        for words, (_, subject) in networks.items():
            pictures = store.pictures(audit_of(cells, subject))
            rows.append(SheetRow(words, pictures["sample/network"][:SHOWN]))
            rows.append(SheetRow("nearest training picture", pictures["sample/nearest"][:SHOWN]))
        last = self._reference(cells) or audit_of(cells, list(networks.values())[-1][1])
        pictures, n = store.pictures(last), last.train.data.n
        if self._reference(cells):
            rows.append(SheetRow(f"N = {n:,}, full width", pictures["sample/network"][:SHOWN]))
        rows.append(SheetRow(f"Gaussian of {n:,}", pictures["sample/gaussian"][:SHOWN]))
        return PictureSheet(
            f"{self._stem}-samples",
            "Samples from the same noise, and the training pictures nearest to them",
            "One column, one noise. A sample that looks like the picture below it is a copy; one that "
            "looks like the last row has the structure of the Gaussian.",
            tuple(rows),
            figure=f"Fig. {self.number} (right)",
        )


def _measured(at: float, task: AuditTask, store: Store) -> Point:
    table, pictures = store.table(task), store.pictures(task)
    distance = compared(table, "network", "gaussian")
    copies, copies_error = finished(table, "memorization_ratio")
    own, gaussian = pictures["sample/network"], pictures["sample/gaussian"]
    likeness = cosines(own, gaussian, mean_picture(gaussian))
    return Point(
        at=at,
        distance=mean_between(distance),
        distance_error=error_between(distance),
        high_distance=mean_between(distance, *HIGH),
        copies=copies,
        copies_error=copies_error,
        control=finished(table, "memorization_ratio", "")[0],
        likeness=float(np.mean(likeness)),
        by_level=dict(between(distance, *INTERMEDIATE).select("sigma", "mean").iter_rows()),
    )
