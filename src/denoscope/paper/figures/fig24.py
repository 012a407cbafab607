"""Figure 24: denoisers of single levels without preconditioning, against the Gaussian."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Errors, Samples
from denoscope.paper.reading import (
    DAES,
    beside_gaussian,
    compared,
    curves_panel,
    level_words,
    series_styles,
)
from denoscope.paper.shared import errors_of, samples_of
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

HIGH = 40.0
NETWORK, WIDE, LINEAR, GAUSSIAN = "Network", "Network, wider law", DAES["linear"], "Gaussian"


def _subjects(cells: Cells) -> dict[str, Subject]:
    """The network that generalizes, trained as EDM's; the DAEs; and, where the preset's law of levels is
    wider, its own network.
    """
    daes = {DAES[arch]: subject for arch, subject in cells.main.daes().items()}
    edm, own = cells.main.large_edm(), cells.main.large()
    return {NETWORK: edm, **daes, **({} if own == edm else {WIDE: own})}


def _errors(cells: Cells) -> dict[str, Errors]:
    levels = cells.preset.dae_levels
    return {name: errors_of(cells, one, levels=levels) for name, one in _subjects(cells).items()}


def _samples(cells: Cells) -> dict[str, Samples]:
    levels = cells.preset.dae_levels
    return {name: samples_of(cells, one, levels=levels) for name, one in _subjects(cells).items()}


def _far(store: Store, task: Errors) -> pl.DataFrame:
    return compared(store.table(task), "network", "gaussian")


def needs(cells: Cells) -> list[Task]:
    return [*_errors(cells).values(), *_samples(cells).values()]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    errors, samples = _errors(cells), _samples(cells)
    dashed = {NETWORK: (4, 3), WIDE: (2, 2)}
    solid = iter(series_styles([name for name in errors if name not in dashed]))
    styles = [
        Style(name, "#222222", dashed[name]) if name in dashed else next(solid) for name in errors
    ]
    panel = curves_panel(
        [(style, _far(store, task)) for style, task in zip(styles, errors.values(), strict=True)],
        caption="Noisy held-out pictures",
        y_title="RMSE to the Gaussian",
        hold=(0.0,),
    )
    ways = {name: store.pictures(task) for name, task in samples.items()}
    rows = [SheetRow(GAUSSIAN, ways[NETWORK]["trajectory/gaussian"][0])]
    rows += [SheetRow(name, way["trajectory/network"][0]) for name, way in ways.items()]
    return [
        Chart(
            "fig-24-distance",
            "Denoisers of single levels and the Gaussian denoiser",
            "Each DAE is one network a level that answers the picture itself, without any "
            "preconditioning; the network knows all levels, and was trained as EDM's are, hardly at high "
            "noise.",
            (panel,),
            figure="Fig. 24 (a)",
        ),
        PictureSheet(
            "fig-24-trajectories",
            "The way of one noise",
            f"D(x; sigma) along {len(cells.preset.dae_levels)} levels, from left to right.",
            tuple(rows),
            columns=level_words(cells.preset.dae_levels),
            figure="Fig. 24 (b)",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    far = {
        name: dict(_far(store, task).select("sigma", "mean").iter_rows())
        for name, task in _errors(cells).items()
    }
    network, linear, wide = far.pop(NETWORK), max(far[LINEAR].values()), far.pop(WIDE, {})
    high = [sigma for sigma in network if sigma >= HIGH]
    low = [sigma for sigma in network if sigma < HIGH]
    near = {
        name: sum(0.5 <= one[sigma] / network[sigma] <= 2 for sigma in low)
        for name, one in far.items()
        if name != LINEAR
    }
    told = ", ".join(f"{name} {count} of {len(low)}" for name, count in near.items())
    at_high = {name: max(one[sigma] for sigma in high) for name, one in far.items()}
    own = min(network[sigma] for sigma in high)
    best, worst = min(at_high.values()), max(at_high.values())
    farthest = max(at_high, key=lambda name: at_high[name])
    shown = max((value for sigma, value in wide.items() if sigma >= HIGH), default=float("nan"))
    beside = f" ({shown:.3f} when trained under a wider law of levels)" if wide else ""
    tests = {f"{LINEAR} is {linear:.3f} from the Gaussian at some level": linear < 0.04}
    tests |= {
        f"{name} is within a factor of 2 of the network at {count} of {len(low)} levels": count
        > len(low) / 2
        for name, count in near.items()
    }
    tests[
        f"at sigma >= {HIGH:g} the network is {own:.3f} from the Gaussian, "
        f"{farthest} {worst:.3f}; {farthest}'s "
        + beside_gaussian(store.table(_errors(cells)[farthest]), HIGH)
    ] = own > worst
    return Check.of(
        f"{LINEAR} at most {linear:.3f}; within a factor of 2 of the network below sigma {HIGH:g}: {told}; "
        f"from there on DAEs {best:.3f} to {worst:.3f}, network {own:.3f}" + beside,
        tests,
        {"linear": linear, "network_high": own, "daes_high": worst, "wider_law_high": shown},
    )


FIGURE = Figure(
    number=24,
    title="Distance to the Gaussian of DAEs, one network a level, against sigma",
    claim="DAEs without preconditioning lie about as far from the Gaussian as the network does, the linear "
    "one on it; only at the highest levels are they nearer than the network.",
    acceptance="RMSE to the Gaussian on held-out inputs: DAE-Linear < 0.04 at every level; each other DAE "
    "within a factor of 2 of the network at more than half of the levels below 40; at sigma >= 40 the "
    "network's above every DAE's",
    needs=needs,
    draw=draw,
    check=check,
)
