"""What Fig. 5 asks of a memorizing network, asked of a perfect memory.

The linear model nearest to a denoiser f is the Gaussian of the data plus what is left of f - D_G that
a matrix can express. A memory's answers, training pictures, are not linear in what it is shown, so
most of its distance to the Gaussian never reaches its linear model: the more pictures it chooses
between, the less. How much does is a number of the data and the N, computed here without a network.
"""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Distillation
from denoscope.paper.reading import along_panel, compared, mean_between
from denoscope.paper.shared import distillation_of
from denoscope.report.chart import Chart
from denoscope.report.palette import Style, pair_style
from denoscope.sweeps import Store, Task

__all__ = ["TRAP"]

TIMES, SHARE = 3.0, 0.5  # what Fig. 5 asks


def _memories(cells: Cells) -> list[Distillation]:
    return [distillation_of(cells, subject) for subject in cells.main.memories()]


def _large(cells: Cells) -> Distillation:
    return distillation_of(cells, cells.main.large())


def needs(cells: Cells) -> list[Task]:
    return [*_memories(cells), _large(cells)]


def _distances(store: Store, task: Distillation) -> tuple[float, float]:
    """RMSE of the linear model and of the denoiser itself to the Gaussian, mean over 0.1-20."""
    table = store.table(task)
    linear, whole = (
        mean_between(compared(table, one, "gaussian")) for one in ("linear", "network")
    )
    return linear, whole


def draw(cells: Cells, store: Store) -> list[Drawing]:
    found = {task.subject.data.n: _distances(store, task) for task in _memories(cells)}
    styles = (
        Style("Linear model of the memory", "#85888f", (4, 4)),
        pair_style("multi_delta", "gaussian"),
    )
    parts = [
        (style, [(float(n), values[place], 0.0) for n, values in found.items()])
        for place, style in enumerate(styles)
    ]
    panel = along_panel(
        parts,
        caption="Noisy held-out pictures, mean over sigma in 0.1-20",
        x_title="training pictures N",
        y_title="RMSE to the Gaussian",
        hold=(0.0, TIMES * _distances(store, _large(cells))[0]),
    )
    return [
        Chart(
            "trap-7-memory-model",
            "A perfect memory and its linear model",
            "The upper rule is three times the distance of the generalizing network's linear model: what "
            "Fig. 5 asks of a network that memorizes.",
            (panel,),
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    found = {task.subject.data.n: _distances(store, task) for task in _memories(cells)}
    large = _distances(store, _large(cells))[0]
    small = cells.main.family.small
    shares = {n: linear / whole for n, (linear, whole) in found.items()}
    times = found[small][0] / large
    told = ", ".join(f"{found[n][0]:.3f} and {shares[n]:.2f} (N={n:,})" for n in found)
    return Check.of(
        "RMSE of a perfect memory's linear model to the Gaussian over 0.1-20, and its share of the "
        f"memory's own: {told}; of N={small} {times:.1f} times that of the generalizing network's",
        {
            f"of N={small} the share is {shares[small]:.2f}": shares[small] < SHARE,
            f"of N={small} it is {times:.1f} times as far": times < TIMES,
        },
        {f"share_n{n}": share for n, share in shares.items()} | {"times": times},
    )


TRAP = Figure(
    number=7,
    title="How far a perfect memory's linear model is",
    claim="What is asked of the linear model of a memorizing network, a perfect memory of as many "
    "pictures does not meet.",
    acceptance="of the small set the multi-delta's linear model is less than 3 times as far from the "
    "Gaussian as the generalizing network's, and less than half as far as the multi-delta itself",
    needs=needs,
    draw=draw,
    check=check,
    explains=(5,),
)
