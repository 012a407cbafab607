"""Figure 17: at high noise all networks, and both closed forms, answer nearly the same."""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.figures.answers import (
    answer_tiles,
    by_images,
    by_length,
    by_width,
    distance,
    sweep_panel,
    sweep_rows,
)
from denoscope.paper.reading import beside_gaussian, rank_order
from denoscope.paper.shared import audit_of
from denoscope.report.chart import Chart
from denoscope.report.palette import pair_style
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["FIGURE"]

SIGMA = 60.0
NEAR = 0.05  # what the paper's Fig. 2 stays below at high noise


def _audits(cells: Cells) -> dict[float, AuditTask]:
    """N -> the audit of the ladder's network: how well it denoises at all."""
    return {one.data.n: audit_of(cells, one) for one in cells.main.ladder()}


def needs(cells: Cells) -> list[Task]:
    sweeps = by_images(cells), by_width(cells), by_length(cells)
    return [*(task for sweep in sweeps for task in sweep.values()), *_audits(cells).values()]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    pairs = (("network", "gaussian"), ("gaussian", "multi_delta"))
    lines = [(pair_style(*pair), *pair) for pair in pairs]
    sweeps = {"images": by_images(cells), "width": by_width(cells), "length": by_length(cells)}
    names = ("gaussian", "network", "multi_delta")
    rows = tuple(
        SheetRow(f"N = {n:,}", answer_tiles(store, task, SIGMA, names, ["held_out"]))
        for n, task in sweeps["images"].items()
    )
    return [
        Chart(
            "fig-17-distances",
            "Distances at sigma = 60",
            "The closed forms agree whatever N is. A network comes to them with enough width and "
            "training, and does not leave them again.",
            tuple(
                sweep_panel(store, along, sweep, SIGMA, lines) for along, sweep in sweeps.items()
            ),
            figure="Fig. 17",
        ),
        PictureSheet(
            "fig-17-images",
            "Answers at sigma = 60, by N",
            "Four noisy held-out pictures through each of three denoisers: all see little more than the mean.",
            rows,
            columns=("Gaussian", "", "", "", "Network", "", "", "", "Multi-delta"),
            figure="Fig. 17",
        ),
        PictureSheet(
            "fig-17-width-length",
            "Answers at sigma = 60, by width and length of training",
            "Left noisy held-out pictures, right noise alone.",
            sweep_rows(cells, store, SIGMA),
            figure="Fig. 17",
        ),
    ]


def check(cells: Cells, store: Store) -> Check:
    ladder = by_images(cells)
    far = {n: distance(store, task, SIGMA, "network", "gaussian")[0] for n, task in ladder.items()}
    worst = max(far, key=lambda n: far[n])
    network = far[worst]
    forms = max(
        distance(store, task, SIGMA, "gaussian", "multi_delta")[0] for task in ladder.values()
    )

    def along(sweep: dict) -> tuple[float, list[float]]:
        far = [distance(store, task, SIGMA, "network", "gaussian")[0] for task in sweep.values()]
        return rank_order(list(sweep), far), far

    (width, by_widths), (length, by_lengths) = along(by_width(cells)), along(by_length(cells))
    return Check.of(
        f"over all N: network to Gaussian at most {network:.3f}, Gaussian to multi-delta {forms:.3f}; rank "
        f"correlation of the distance with width {width:+.2f}, with length {length:+.2f} "
        f"({by_lengths[0]:.3f} fresh, {by_lengths[-1]:.3f} at the end)",
        {
            f"the network of N = {worst:,} is {network:.3f} from the Gaussian: "
            + beside_gaussian(store.table(_audits(cells)[worst]), SIGMA): network < NEAR,
            f"the closed forms are {forms:.3f} apart": forms < NEAR,
            f"narrow networks are not the farther ones ({by_widths[0]:.3f} the narrowest, "
            f"{by_widths[-1]:.3f} the widest)": width <= -0.8,
            f"the distance does not fall along training (lowest {min(by_lengths):.3f}, "
            f"{by_lengths[-1]:.3f} at the end)": length <= -0.8,
        },
        {
            "network_gaussian": network,
            "gaussian_multi_delta": forms,
            "rank_with_width": width,
            "rank_with_length": length,
        },
    )


FIGURE = Figure(
    number=17,
    title="Answers at sigma = 60 by N, width and length of training",
    claim="At high noise network, Gaussian and multi-delta answer nearly alike for every N; networks "
    "too narrow or trained too short do not reach the Gaussian, and none overfits.",
    acceptance="held-out inputs, sigma = 60: RMSE of network and Gaussian, and of the closed forms, < 0.05 "
    "for every N; Spearman's rho of the distance with width and with length of training <= -0.8",
    needs=needs,
    draw=draw,
    check=check,
)
