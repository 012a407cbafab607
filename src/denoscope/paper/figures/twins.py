"""Twin networks of disjoint training sets, sampled from the same noise: Figs 9 and 26."""

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing
from denoscope.paper.reading import cosines, mean_picture
from denoscope.paper.shared import samples_of
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.curves import distribution_panel
from denoscope.report.palette import Style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["RULE", "Likeness", "TwinStudy"]

SHOWN = 8
ALIKE = 0.8  # centred cosine from which the Gaussians' samples count as nearly identical
RULE = (
    "centred cosines of samples from the same noise, by more than two standard errors: of the twins of the "
    "large sets higher than of a sample and its nearest training picture, of those of the small sets "
    "lower; higher for the stopped and for the narrow twins than for the unstopped wide ones; above 0.8 "
    "for the Gaussians of either size"
)
STYLES = {
    "twins": Style("A network and its twin", "#1f7fc4"),
    "nearest": Style("A sample and its nearest training picture", "#d9621e", (9, 3, 2, 3)),
    "gaussians": Style("The two Gaussians", "#0a9a74", (7, 3)),
}


@dataclass(frozen=True)
class Likeness:
    """Centred cosines by noise, float64 (n,): of twin samples, of a sample and its nearest training
    picture (the mean of both twins'), of the samples of the twins' Gaussians."""

    twins: np.ndarray
    nearest: np.ndarray
    gaussians: np.ndarray


@dataclass(frozen=True)
class TwinStudy:
    """What both figures share; `number` is the figure's."""

    number: int
    family: Literal["main", "second"]

    def pairs(self, cells: Cells) -> dict[str, tuple[str, tuple[Subject, Subject]]]:
        """large, small, early, narrow -> (words, the two networks)."""
        of = cells.main if self.family == "main" else cells.second
        f = of.family
        small = f"N = {f.small:,}"
        return {
            "large": (f"N = {f.twin:,}", of.twins()),
            "small": (small, of.twins(f.small)),
            "early": (f"{small}, {f.early_kimg:g} thousand", of.twins(f.small, kimg=f.early_kimg)),
            "narrow": (f"{small}, width {f.narrow}", of.twins(f.small, width=f.narrow)),
        }

    def needs(self, cells: Cells) -> list[Task]:
        return [
            samples_of(cells, subject) for _, pair in self.pairs(cells).values() for subject in pair
        ]

    def likeness(self, cells: Cells, store: Store, pair: tuple[Subject, Subject]) -> Likeness:
        """The pair measured. The middle is the mean of both Gaussians' samples."""
        one, two = (store.pictures(samples_of(cells, subject)) for subject in pair)
        centre = mean_picture(one["sample/gaussian"], two["sample/gaussian"])
        own = [cosines(p["sample/network"], p["nearest/network"], centre) for p in (one, two)]
        return Likeness(
            twins=cosines(one["sample/network"], two["sample/network"], centre),
            nearest=(own[0] + own[1]) / 2,
            gaussians=cosines(one["sample/gaussian"], two["sample/gaussian"], centre),
        )

    def draw(self, cells: Cells, store: Store) -> list[Drawing]:
        stem, pairs = f"fig-{self.number:02}", self.pairs(cells)
        chart = Chart(
            f"{stem}-cosines",
            "Likeness of samples from the same noise",
            "The share of noises whose pictures have a centred cosine below each value. Networks that "
            "generalize agree with their twins, which never saw the same picture, more than with "
            "their own training pictures.",
            tuple(
                distribution_panel(
                    _rows(self.likeness(cells, store, pair)),
                    list(STYLES.values()),
                    caption=words,
                    x_title="centred cosine",
                    y_title="share of noises",
                    x_domain=(-1.0, 1.0),
                )
                for words, pair in pairs.values()
            ),
            figure=f"Fig. {self.number}",
        )
        both = self._sheet(cells, store, f"{stem}-twins", ("large", "small"), gaussians=True)
        fixes = self._sheet(cells, store, f"{stem}-remedies", ("early", "narrow"), gaussians=False)
        return [chart, both, fixes]

    def _sheet(
        self, cells: Cells, store: Store, name: str, which: tuple[str, ...], *, gaussians: bool
    ) -> PictureSheet:
        rows: list[SheetRow] = []
        for key in which:
            words, pair = self.pairs(cells)[key]
            one, two = (store.pictures(samples_of(cells, subject)) for subject in pair)
            order = [
                *([("sample/gaussian", one, "Gaussian, set 1")] if gaussians else []),
                *([("sample/gaussian", two, "Gaussian, set 2")] if gaussians else []),
                ("nearest/network", one, "nearest in set 1"),
                ("sample/network", one, "network, set 1"),
                ("sample/network", two, "network, set 2"),
                ("nearest/network", two, "nearest in set 2"),
            ]
            rows += [SheetRow(f"{words}: {told}", held[k][:SHOWN]) for k, held, told in order]
        return PictureSheet(
            name,
            "Networks of disjoint training sets, the same noise",
            "One column, one noise. Where the two middle rows agree with each other, and not with the "
            "nearest training pictures, the network learned the distribution and not the pictures.",
            tuple(rows),
            figure=f"Fig. {self.number}",
        )

    def check(self, cells: Cells, store: Store) -> Check:
        found = {
            key: self.likeness(cells, store, pair) for key, (_, pair) in self.pairs(cells).items()
        }
        large, small = found["large"], found["small"]
        twins = {key: float(one.twins.mean()) for key, one in found.items()}
        near = {key: float(one.nearest.mean()) for key, one in found.items()}
        forms = {key: float(found[key].gaussians.mean()) for key in ("large", "small")}
        least = min(forms, key=lambda key: forms[key])
        train = self.pairs(cells)[least][1][0].train
        pictures, dimensions = train.data.n, prod(train.settings.network.shape)
        told = ", ".join(f"{key} {twins[key]:.2f} / {near[key]:.2f}" for key in found)
        unstopped = f"than the unstopped wide ones' ({twins['small']:.2f})"
        return Check.of(
            f"cosine of twins / of sample and nearest picture: {told}; of the Gaussians "
            f"{forms['large']:.2f} (large), {forms['small']:.2f} (small)",
            {
                "the large twins are no more alike than copies": _exceeds(
                    large.twins, large.nearest
                ),
                "the small twins agree as much as with their own pictures": _exceeds(
                    small.nearest, small.twins
                ),
                f"the Gaussians of the {least} sets differ ({forms[least]:.2f}): {pictures:,} pictures for "
                f"{dimensions:,} dimensions": (min(forms.values()) > ALIKE),
                f"the stopped twins are no more alike ({twins['early']:.2f}) {unstopped}": _exceeds(
                    found["early"].twins, small.twins
                ),
                f"the narrow twins are no more alike ({twins['narrow']:.2f}) {unstopped}": _exceeds(
                    found["narrow"].twins, small.twins
                ),
            },
            {
                **{f"twins_{key}": value for key, value in twins.items()},
                **{f"nearest_{key}": value for key, value in near.items()},
                **{f"gaussians_{key}": value for key, value in forms.items()},
            },
        )


def _exceeds(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether the mean of one is higher, by more than two standard errors of the paired difference."""
    apart = one - two
    return bool(apart.mean() > 2 * apart.std(ddof=1) / len(apart) ** 0.5)


def _rows(found: Likeness) -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({"value": getattr(found, key)}).select(
            pl.lit(style.name).alias("series"), "value"
        )
        for key, style in STYLES.items()
    )
