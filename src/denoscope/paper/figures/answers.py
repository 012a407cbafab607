"""Answers of networks and closed forms at one level, along the paper's sweeps: Figs 17 and 18."""

from collections.abc import Sequence

import numpy as np

from denoscope.paper.cells import Cells
from denoscope.paper.figures.distance_sweep import X_TITLES
from denoscope.paper.measuring import Outputs
from denoscope.paper.reading import along_panel
from denoscope.paper.shared import outputs_of
from denoscope.report.curves import Panel
from denoscope.report.palette import Style
from denoscope.report.picture_sheet import SheetRow
from denoscope.sweeps import Store

__all__ = [
    "KINDS",
    "NEAREST",
    "answer_tiles",
    "by_images",
    "by_length",
    "by_width",
    "distance",
    "sweep_panel",
    "sweep_rows",
]

KINDS = ("held_out", "noise")
NEAREST = "nearest"  # in the place of a second denoiser: the training picture nearest to the answer

Sweep = dict[float, Outputs]


def by_images(cells: Cells) -> Sweep:
    """N -> the ladder's networks."""
    return {one.data.n: outputs_of(cells, one) for one in cells.main.ladder()}


def by_width(cells: Cells) -> Sweep:
    """Width -> networks of the small set."""
    subjects = cells.main.widths()
    return {one.train.settings.network.width: outputs_of(cells, one) for one in subjects}


def by_length(cells: Cells) -> Sweep:
    """Thousands of pictures seen -> the small set's full-width network, 0 being the fresh one."""
    return {one.seen_kimg: outputs_of(cells, one) for one in cells.main.lengths()}


def distance(
    store: Store, task: Outputs, sigma: float, one: str, two: str, inputs: str = "held_out"
) -> tuple[float, float]:
    """(RMSE, standard error) between the answers of two denoisers, or of one and what is NEAREST."""
    rows = store.table(task).filter(denoiser=one, inputs=inputs, sigma=sigma)
    if two == NEAREST:
        row = rows.filter(metric="output_nearest")
    else:
        row = rows.filter(metric="score_error", reference=two)
    return float(row["mean"][0]), float(row["se"].fill_null(0.0)[0])


def answer_tiles(
    store: Store,
    task: Outputs,
    sigma: float,
    names: Sequence[str] = ("network",),
    kinds: Sequence[str] = KINDS,
) -> np.ndarray:
    """Answers side by side (n, C, H, W): of each denoiser, to each kind of input."""
    pictures, place = store.pictures(task), task.levels.index(sigma)
    return np.concatenate([pictures[f"{kind}/{name}/{place}"] for name in names for kind in kinds])


def sweep_rows(cells: Cells, store: Store, sigma: float) -> tuple[SheetRow, ...]:
    """The small set's networks by width and by length, between the two closed forms."""
    widths, lengths = by_width(cells), by_length(cells)
    wide = widths[max(widths)]
    return (
        SheetRow("Clean pictures", store.pictures(wide)["clean"]),
        SheetRow("Gaussian", answer_tiles(store, wide, sigma, ["gaussian"])),
        *(
            SheetRow(f"width {width:g}", answer_tiles(store, task, sigma))
            for width, task in widths.items()
        ),
        *(
            SheetRow(
                f"after {kimg:g} thousand pictures" if kimg else "fresh network",
                answer_tiles(store, task, sigma),
            )
            for kimg, task in lengths.items()
        ),
        SheetRow("Multi-delta", answer_tiles(store, wide, sigma, ["multi_delta"])),
    )


def sweep_panel(
    store: Store,
    along: str,
    sweep: Sweep,
    sigma: float,
    lines: Sequence[tuple[Style, str, str]],
    inputs: str = "held_out",
) -> Panel:
    """Distances at the level along a sweep, one line for each (style, one, two); 0 has no place on
    the log axis."""
    parts = [
        (
            style,
            [
                (x, *distance(store, task, sigma, one, two, inputs))
                for x, task in sweep.items()
                if x > 0
            ],
        )
        for style, one, two in lines
    ]
    words = {"held_out": "held-out pictures", "noise": "noise alone"}[inputs]
    caption = f"By {'N' if along == 'images' else along}, {words}"
    return along_panel(parts, caption=caption, x_title=X_TITLES[along], y_title="RMSE")
