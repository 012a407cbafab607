"""Figure 18: at sigma = 4 narrow and early networks answer as the Gaussian, wide and late ones retrieve."""

from dataclasses import replace

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.figures.answers import (
    KINDS,
    NEAREST,
    by_length,
    by_width,
    distance,
    sweep_panel,
    sweep_rows,
)
from denoscope.report.chart import Chart
from denoscope.report.palette import Style, denoiser_style
from denoscope.report.picture_sheet import PictureSheet
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

SIGMA = 4.0


def needs(cells: Cells) -> list[Task]:
    return [*by_width(cells).values(), *by_length(cells).values()]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    gaussian = denoiser_style("gaussian")
    lines = [
        (Style("to the Gaussian's answer", gaussian.colour), "network", "gaussian"),
        (Style("to the nearest training picture", "#d9621e", (7, 3)), "network", NEAREST),
    ]
    sweeps = {"width": by_width(cells), "length": by_length(cells)}
    charts = [
        Chart(
            f"fig-18-{kind.replace('_', '-')}",
            "Where a network's answers lie at sigma = 4",
            "Narrow and early networks are nearer to the Gaussian's answer; wide and late ones to a "
            "training picture, even where they are shown nothing but noise.",
            tuple(
                sweep_panel(store, along, sweep, SIGMA, lines, kind)
                for along, sweep in sweeps.items()
            ),
            figure="Fig. 18",
        )
        for kind in KINDS
    ]
    return [
        *charts,
        PictureSheet(
            "fig-18-answers",
            "Answers at sigma = 4, by width and length of training",
            "Left noisy held-out pictures, right noise alone.",
            sweep_rows(cells, store, SIGMA),
            figure="Fig. 18",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    family, widths, lengths = cells.preset.main, by_width(cells), by_length(cells)
    like_gaussian = {
        f"width {family.narrow}": widths[family.narrow],
        f"{family.early_kimg:g} thousand pictures": lengths[family.early_kimg],
    }
    retrieving = {f"width {family.width} at the end": lengths[max(lengths)]}
    measured, tests, values, blurred = [], {}, {}, {}
    for name, task in (like_gaussian | retrieving).items():
        told = []
        for kind in KINDS:
            gaussian = distance(store, task, SIGMA, "network", "gaussian", kind)[0]
            nearest = distance(store, task, SIGMA, "network", NEAREST, kind)[0]
            where = "on noise alone" if kind == "noise" else "on held-out pictures"
            told.append(f"{gaussian:.3f} / {nearest:.3f}")
            if name in like_gaussian:
                tests[f"{name}: nearer to a training picture {where}"] = gaussian < nearest
            else:
                tests[f"{name}: nearer to the Gaussian {where}"] = nearest < gaussian
                form = distance(store, task, SIGMA, "gaussian", "multi_delta", kind)[0]
                picture = distance(store, task, SIGMA, "multi_delta", NEAREST, kind)[0]
                blurred |= {f"{form:.3f} against {picture:.3f} {where}": form < picture}
            key = f"{name}_{kind}".replace(" ", "_")
            values |= {f"gaussian_{key}": gaussian, f"nearest_{key}": nearest}
        measured.append(f"{name} {', '.join(told)}")
    found = Check.of(
        "RMSE to the Gaussian's answer / to the nearest training picture, on held-out pictures, on noise "
        f"alone: {'; '.join(measured)}",
        tests,
        values,
    )
    like = all(held for words, held in tests.items() if not words.startswith(tuple(retrieving)))
    if found.holds or not like or not any(blurred.values()):
        return found
    told_of = ", ".join(words for words, so in blurred.items() if so)
    return replace(
        found,
        holds=None,
        reason=f"{found.reason}. But so is the multi-delta, a perfect memory ({told_of}): at this size "
        "sigma = 4 is too high a level to tell retrieving",
    )


FIGURE = Figure(
    number=18,
    title="Answers at sigma = 4 of networks of few pictures, by width and length of training",
    claim="Narrow and early networks answer as the Gaussian does; wide ones trained to the end retrieve "
    "training pictures, from noise alone too.",
    acceptance="sigma = 4, held-out pictures and noise alone: answers of the narrow and of the early "
    "network nearer (RMSE) to the Gaussian's than to any training picture; of the wide network at the "
    "end nearer to a training picture",
    needs=needs,
    draw=draw,
    check=check,
)
