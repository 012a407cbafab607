"""Figure 29: the Jacobian of a DAE, against the principal components and against the network's."""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.figures.jacobian_sheet import (
    alignment,
    alignment_chart,
    converged,
    jacobian_sheet,
)
from denoscope.paper.measuring import Errors, Jacobian
from denoscope.paper.reading import DAES, beside_gaussian, mean_between
from denoscope.paper.shared import errors_of, jacobian_of
from denoscope.report.palette import Style, denoiser_style
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

HIGH = (10.0, 80.1)


def _jacobians(cells: Cells) -> tuple[Jacobian, Jacobian]:
    """(the DAE's, the network's), along trajectories over the DAE's levels.

    The network is trained as EDM's are, hardly at high noise.
    """
    levels = cells.preset.dae_levels
    dae, network = cells.main.daes()["ncsnpp"], cells.main.large_edm()
    return jacobian_of(cells, dae, levels), jacobian_of(cells, network, levels)


def _errors(cells: Cells) -> Errors:
    """How well the DAE denoises at all."""
    return errors_of(cells, cells.main.daes()["ncsnpp"], levels=cells.preset.dae_levels)


def needs(cells: Cells) -> list[Task]:
    return [*_jacobians(cells), _errors(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    dae, network = _jacobians(cells)
    name = DAES["ncsnpp"]
    parts = [(Style(name, "#8458b3", (7, 3)), dae), (denoiser_style("network"), network)]
    return [
        alignment_chart(store, parts, "fig-29-alignment", "Fig. 29"),
        jacobian_sheet(
            store, dae, "fig-29-jacobian", f"The Jacobian of {name} along a trajectory", "Fig. 29"
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    tasks = _jacobians(cells)
    dae, network = (mean_between(alignment(store, task), *HIGH) for task in tasks)
    return Check.of(
        f"mean alignment for sigma >= 10: DAE {dae:.2f}, network {network:.2f}; DAE "
        f"{converged(store, tasks[0])}, network {converged(store, tasks[1])}",
        {
            f"the network's is {network:.2f}, the DAE's {dae:.2f}; the DAE at its highest level: "
            + beside_gaussian(store.table(_errors(cells)), max(cells.preset.dae_levels)): dae
            > network
        },
        {"dae": dae, "network": network},
    )


FIGURE = Figure(
    number=29,
    title="Singular vectors of a DAE's Jacobian along a trajectory, and the principal components",
    claim="At the first levels of sampling a DAE's singular vectors are nearer to the principal components "
    "than the network's.",
    acceptance="mean share of the leading singular vectors inside as many leading principal components, "
    "sigma >= 10: the DAE's above the network's at the same levels",
    needs=needs,
    draw=draw,
    check=check,
)
