"""On its own training inputs every optimal denoiser distils to the Gaussian, memorizing or not.

If D is the posterior mean of a law q and is distilled on inputs x0 ~ q, then Cov(D(y), y) =
Cov(x0, y) = Sigma, so W_L = Sigma (Sigma + sigma^2 I)^-1: the Gaussian denoiser's matrix. The
multi-delta is the posterior mean of the training set. So "memorization shows in D_L far from D_G"
is true on held-out inputs only.
"""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Distillation
from denoscope.paper.reading import curves_panel, mean_between
from denoscope.paper.shared import distillation_of
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.sweeps import Store, Task

__all__ = ["TRAP"]


def _pair(cells: Cells) -> dict[str, Distillation]:
    held_out = distillation_of(cells, cells.main.small())
    return {
        "held_out": held_out,
        "train": held_out.model_copy(update={"input_kind": "train"}),
    }


def needs(cells: Cells) -> list[Task]:
    return list(_pair(cells).values())


def draw(cells: Cells, store: Store) -> list[Drawing]:
    looks = {
        "held_out": Style("distilled on held-out inputs", "#1f7fc4"),
        "train": Style("distilled on training inputs", "#a64ca6", (7, 3)),
    }
    parts = [
        (looks[kind], store.table(task).filter(metric="weight_difference"))
        for kind, task in _pair(cells).items()
    ]
    panel = curves_panel(
        parts,
        caption=f"The network that memorizes {cells.main.family.small} pictures",
        y_title="weight difference to the Gaussian",
        hold=(0.0,),
    )
    return [
        Chart(
            "trap-1-inputs",
            "The same network, distilled on two kinds of input",
            "On training inputs the distilled matrix is the Gaussian's by a theorem, whatever the network "
            "has learned; only held-out inputs tell.",
            (panel,),
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    means = {
        kind: mean_between(store.table(task).filter(metric="weight_difference"), 0.1, 2.0)
        for kind, task in _pair(cells).items()
    }
    times = means["held_out"] / means["train"]
    return Check.of(
        f"mean weight difference for sigma in 0.1-2: {means['held_out']:.3f} on held-out inputs, "
        f"{means['train']:.3f} on training inputs",
        {f"the difference is only {times:.1f} times as large on held-out inputs": times > 2},
        means,
    )


TRAP = Figure(
    number=1,
    title="Which inputs a distillation is made on",
    claim="Distilled on its training inputs even a memorizing network gives the Gaussian's matrix.",
    acceptance="weight difference on held-out inputs more than twice that on training inputs, "
    "sigma in 0.1-2",
    needs=needs,
    draw=draw,
    check=check,
)
