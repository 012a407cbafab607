"""Of very few pictures a perfect memory is more linear than of some more.

The multi-delta of one picture answers with it whatever it is shown: D(a x1 + b x2) = y and a y + b y
have one direction, so its linearity score (eq. 11) is exactly 1. Of N pictures it chooses between N,
and the score falls; as N grows the choices lie closer and it rises again, towards that of the best
denoiser. So at the memorizing end the score does not follow N, however well a network memorizes.
"""

from itertools import pairwise
from math import hypot

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Linearity
from denoscope.paper.reading import INTERMEDIATE, along_panel, between
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style
from denoscope.sweeps import Store, Task

__all__ = ["TRAP"]


def _memories(cells: Cells) -> list[Linearity]:
    pairs = cells.preset.linearity_pairs
    return [Linearity(subject=subject, pairs=pairs) for subject in cells.main.memories()]


def _networks(cells: Cells) -> list[Linearity]:
    pairs = cells.preset.linearity_pairs
    return [Linearity(subject=subject, pairs=pairs) for subject in cells.main.ladder()]


def needs(cells: Cells) -> list[Task]:
    return [*_memories(cells), *_networks(cells)]


def _lowest(store: Store, tasks: list[Linearity]) -> list[tuple[int, float, float]]:
    """(N, lowest score over the intermediate levels, its standard error) of each."""
    found = []
    for task in tasks:
        rows = store.table(task).filter(
            metric="linearity_cosine", denoiser="network", inputs="held_out", param=0.5
        )
        row = between(rows, *INTERMEDIATE).sort("mean").with_columns(pl.col("se").fill_null(0.0))
        found.append((task.subject.data.n, float(row["mean"][0]), float(row["se"][0])))
    return found


def draw(cells: Cells, store: Store) -> list[Drawing]:
    parts = [
        (denoiser_style(name), [(float(n), value, se) for n, value, se in _lowest(store, tasks)])
        for name, tasks in (("network", _networks(cells)), ("multi_delta", _memories(cells)))
    ]
    panel = along_panel(
        parts,
        caption="Noisy held-out pictures",
        x_title="training pictures N",
        y_title="lowest linearity score (cosine)",
        hold=(1.0,),
    )
    return [
        Chart(
            "trap-6-memory-linearity",
            "How linear networks are, and a perfect memory of the same pictures",
            "The lowest score over sigma in 0.1-20. A memory of one picture is exactly linear, 1; it "
            "falls with the first pictures and rises with the many.",
            (panel,),
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    memories, networks = _lowest(store, _memories(cells)), _lowest(store, _networks(cells))
    (first, top, e), (second, low, f), *_ = memories
    fall = top - low
    told = ", ".join(f"{value:.3f} (N={n:,})" for n, value, _ in memories)
    beside = ", ".join(f"{value:.3f}" for _, value, _ in networks)
    rises = all(after > before for (_, before, _), (_, after, _) in pairwise(memories[1:]))
    return Check.of(
        f"lowest scores of perfect memories {told}, of the networks {beside}",
        {
            f"from N = {first:,} to {second:,} the memory's falls by {fall:.4f} ± "
            f"{2 * hypot(e, f):.4f}": fall > 2 * hypot(e, f),
            f"from N = {second:,} on it does not rise throughout": rises,
        },
        {f"memory_n{n}": value for n, value, _ in memories},
    )


TRAP = Figure(
    number=6,
    title="How linear a perfect memory is",
    claim="A perfect memory of very few pictures is more linear than one of more: at the memorizing end "
    "the linearity score does not follow N.",
    acceptance="the multi-delta's lowest score for sigma in 0.1-20 falls from the smallest N to the next "
    "by more than two errors of the difference, and rises from there on",
    needs=needs,
    draw=draw,
    check=check,
    explains=(1, 13),
)
