"""Figure 25: samples and trajectories on other sets of pictures."""

import numpy as np

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Samples
from denoscope.paper.reading import DAES, compared, cosines, level_words, mean_picture
from denoscope.paper.shared import samples_of, ten_levels
from denoscope.paper.subject import Subject
from denoscope.report.palette import denoiser_style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.report.wording import sigma_text
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

SHOWN = 8
NAMES = ("network", "gaussian", "linear", "multi_delta")
BUNDLED = "mnist-4000"


def _sets(cells: Cells) -> dict[str, Samples]:
    """The set of pictures -> samples of its network and closed forms."""
    subjects = {
        cells.second.family.data.where: cells.second.large(),
        BUNDLED: Subject(bundled=BUNDLED),
    }
    return {name: samples_of(cells, one, linear=True) for name, one in subjects.items()}


def _dae(cells: Cells) -> Samples:
    levels = cells.preset.dae_levels
    return samples_of(cells, cells.main.daes()["ncsnpp"], levels=levels)


def needs(cells: Cells) -> list[Task]:
    sets = _sets(cells).values()
    return [*sets, *(task.linear for task in sets if task.linear), _dae(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    drawings: list[Drawing] = []
    for place, (name, task) in enumerate(_sets(cells).items()):
        pictures = store.pictures(task)
        stem = f"fig-25-{'ab'[place]}"
        drawings += [
            PictureSheet(
                f"{stem}-samples",
                f"Samples from the same noise: {name}",
                "One column, one noise.",
                _rows({one: pictures[f"sample/{one}"][:SHOWN] for one in NAMES}),
                figure="Fig. 25",
            ),
            PictureSheet(
                f"{stem}-trajectories",
                f"The way of one noise: {name}",
                "D(x; sigma) along the levels, from left to right.",
                _rows({one: pictures[f"trajectory/{one}"][0] for one in NAMES}),
                columns=level_words(ten_levels()),
                figure="Fig. 25",
            ),
        ]
    ways = store.pictures(_dae(cells))["trajectory/network"]
    rows = tuple(SheetRow(f"noise {number}", way) for number, way in enumerate(ways))
    drawings.append(
        PictureSheet(
            "fig-25-c-dae",
            f"The way of several noises through {DAES['ncsnpp']}: {cells.main.family.data.where}",
            "One network a level, from left to right.",
            rows,
            columns=level_words(cells.preset.dae_levels),
            figure="Fig. 25",
        )
    )
    return drawings


def _rows(pictures: dict[str, np.ndarray]) -> tuple[SheetRow, ...]:
    return tuple(SheetRow(denoiser_style(name).name, some) for name, some in pictures.items())


def _linear(store: Store, task: Samples) -> str:
    """How far the linear model itself is, in words."""
    assert task.linear is not None  # asked so
    rows = compared(store.table(task.linear), "linear", "gaussian").sort("mean")
    sigma, most = rows.select("sigma", "mean").row(-1)
    return f"the linear model is {most:.3f} from the Gaussian at sigma {sigma_text(sigma)}"


def check(cells: Cells, store: Store) -> Check:
    told, tests, values = [], {}, {}
    for name, task in _sets(cells).items():
        pictures = store.pictures(task)
        samples = {one: pictures[f"sample/{one}"] for one in NAMES}
        centre = mean_picture(samples["gaussian"])

        def like(one: str, two: str, of: dict = samples, centre: np.ndarray = centre) -> float:
            return float(cosines(of[one], of[two], centre).mean())

        forms = like("gaussian", "linear")
        to = {other: like("network", other) for other in NAMES[1:]}
        told.append(
            f"{name}: Gaussian-linear {forms:.3f}, network to Gaussian {to['gaussian']:.3f}, to linear "
            f"{to['linear']:.3f}, to multi-delta {to['multi_delta']:.3f}"
        )
        tests[f"{name}: Gaussian and linear samples {forms:.3f} alike, {_linear(store, task)}"] = (
            forms > 0.9
        )
        tests[f"{name}: the multi-delta's samples are as near to the network's"] = (
            min(to["gaussian"], to["linear"]) > to["multi_delta"]
        )
        values[f"{name}_gaussian_linear"] = forms
        values |= {f"{name}_network_{other}": value for other, value in to.items()}
    return Check.of("; ".join(told), tests, values)


FIGURE = Figure(
    number=25,
    title="Samples and trajectories on other sets of pictures, and of a DAE",
    claim="On other sets too the Gaussian's, the linear model's and the network's samples from one noise "
    "are alike; the multi-delta's are not.",
    acceptance="on each set: mean centred cosine of Gaussian and linear samples > 0.9; the network's samples "
    "nearer to both than to the multi-delta's",
    needs=needs,
    draw=draw,
    check=check,
)
