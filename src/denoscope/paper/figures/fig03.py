"""Figure 3: samples of network, multi-delta, Gaussian and distilled linear model from the same noise."""

import numpy as np

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Samples
from denoscope.paper.reading import cosines
from denoscope.paper.shared import samples_of
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

SHOWN = {
    "network": "Network",
    "gaussian": "Gaussian",
    "linear": "Linear (distilled)",
    "multi_delta": "Multi-delta",
}


def _samples(cells: Cells) -> Samples:
    return samples_of(cells, cells.main.large(), linear=True)


def needs(cells: Cells) -> list[Task]:
    return [_samples(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    pictures = store.pictures(_samples(cells))
    rows = [SheetRow(words, pictures[f"sample/{name}"][:8]) for name, words in SHOWN.items()]
    rows.append(
        SheetRow("Nearest training picture of the network's", pictures["nearest/network"][:8])
    )
    return [
        PictureSheet(
            "fig-03-samples",
            "Samples from the same noise",
            "One column, one noise. Gaussian and linear model agree with each other and, in structure, "
            "with the network; the multi-delta gives training pictures.",
            tuple(rows),
            figure="Fig. 3",
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    pictures = store.pictures(_samples(cells))
    centre = pictures["sample/network"].mean(0).round().astype(np.uint8)
    network = pictures["sample/network"]
    to = {
        name: float(cosines(network, pictures[f"sample/{name}"], centre).mean())
        for name in ("gaussian", "linear", "multi_delta")
    }
    forms = float(cosines(pictures["sample/gaussian"], pictures["sample/linear"], centre).mean())
    nearer = min(to["gaussian"], to["linear"])
    return Check.of(
        f"centred cosine Gaussian-linear {forms:.3f}; network to Gaussian {to['gaussian']:.3f}, "
        f"to linear {to['linear']:.3f}, to multi-delta {to['multi_delta']:.3f}",
        {
            f"Gaussian and linear samples are only {forms:.3f} alike": forms > 0.9,
            f"the multi-delta's samples ({to['multi_delta']:.3f}) are no farther from the network's "
            f"than those of the closed forms ({nearer:.3f})": nearer > to["multi_delta"],
        },
        {"gaussian_linear": forms, **{f"network_{k}": v for k, v in to.items()}},
    )


FIGURE = Figure(
    number=3,
    title="Samples from the same noise under four denoisers",
    claim="Gaussian and linear samples are nearly the same and share the network's structure; "
    "the multi-delta's are training pictures.",
    acceptance="centred cosine of Gaussian and linear samples > 0.9; the network's samples are nearer "
    "to both than to the multi-delta's",
    needs=needs,
    draw=draw,
    check=check,
)
