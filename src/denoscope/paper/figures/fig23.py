"""Figure 23: samples of three architectures and of the Gaussian from the same noise."""

from itertools import combinations

import numpy as np

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Samples
from denoscope.paper.reading import ARCHITECTURES, cosines, mean_picture
from denoscope.paper.shared import samples_of
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

SHOWN = 8


def _samples(cells: Cells) -> dict[str, Samples]:
    return {arch: samples_of(cells, one) for arch, one in cells.main.architectures().items()}


def _pictures(cells: Cells, store: Store) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The samples of each architecture by its name, and the Gaussian's."""
    found = {ARCHITECTURES[arch]: store.pictures(task) for arch, task in _samples(cells).items()}
    gaussian = next(iter(found.values()))["sample/gaussian"]
    return {name: pictures["sample/network"] for name, pictures in found.items()}, gaussian


def needs(cells: Cells) -> list[Task]:
    return list(_samples(cells).values())


def draw(cells: Cells, store: Store) -> list[Drawing]:
    networks, gaussian = _pictures(cells, store)
    rows = [SheetRow("Gaussian", gaussian[:SHOWN])]
    rows += [SheetRow(name, samples[:SHOWN]) for name, samples in networks.items()]
    return [
        PictureSheet(
            "fig-23-architectures",
            "Samples of three architectures from the same noise",
            "One column, one noise; all networks trained alike on the same pictures.",
            tuple(rows),
            figure="Fig. 23",
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    networks, gaussian = _pictures(cells, store)
    centre = mean_picture(gaussian)

    def like(one: np.ndarray, two: np.ndarray) -> float:
        return float(cosines(one, two, centre).mean())

    between = {f"{a} and {b}": like(networks[a], networks[b]) for a, b in combinations(networks, 2)}
    to_gaussian = {name: like(samples, gaussian) for name, samples in networks.items()}
    first = next(iter(networks.values()))
    control = like(first, np.roll(first, 1, axis=0))
    told = ", ".join(f"{name} {value:.3f}" for name, value in (between | to_gaussian).items())
    tests = {f"{pair} {value:.3f} alike": value > 0.8 for pair, value in between.items()}
    tests |= {
        f"{name} and the Gaussian {value:.3f} alike": value > 0.6
        for name, value in to_gaussian.items()
    }
    return Check.of(
        f"centred cosines: {told} (to the Gaussian); samples of different noises {control:+.3f}",
        tests,
        {
            "least_between_architectures": min(between.values()),
            "least_to_gaussian": min(to_gaussian.values()),
            "different_noises": control,
        },
    )


FIGURE = Figure(
    number=23,
    title="Samples from the same noise for three architectures and the Gaussian",
    claim="Networks of different architectures give nearly identical pictures from the same noise, near "
    "those of the Gaussian.",
    acceptance="mean centred cosine > 0.8 between any two architectures, > 0.6 of each with the Gaussian",
    needs=needs,
    draw=draw,
    check=check,
)
