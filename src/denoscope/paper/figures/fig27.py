"""Figure 27: the same distances in two units, the RMSE of eq. 10 and the norm ratio of eq. 53."""

import polars as pl

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Distillation, Errors
from denoscope.paper.reading import DAES, between, compared, curves_panel, mean_between, rank_order
from denoscope.paper.shared import distillation_of, errors_of
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

RMSE, RATIO = "score_error", "score_error_norm_ratio"
Y_TITLES = {RMSE: "RMSE", RATIO: "||D₁ − D₂|| / ||D₁||"}
CAPTIONS = {RMSE: "RMSE (eq. 10)", RATIO: "Norm ratio (eq. 53)"}
BELOW, HIGH = (0.001, 20.0), (40.0, 100.0)
DAE = ("DAE", "gaussian")
PAIRS = {
    ("network", "gaussian"): Style("Network to Gaussian", "#0a9a74", (7, 3)),
    ("network", "linear"): Style("Network to linear", "#8458b3", (1, 0)),
    ("network", "multi_delta"): Style("Network to multi-delta", "#d9621e", (9, 3, 2, 3)),
    ("linear", "gaussian"): Style("Linear to Gaussian", "#1f7fc4", (2, 3)),
    DAE: Style(f"{DAES['ncsnpp']} to Gaussian", "#222222", (4, 3)),
}


def _families(cells: Cells) -> dict[str, Distillation]:
    """Of networks trained as EDM's are: the gap at high noise is what its law of levels leaves."""
    return {
        "main": distillation_of(cells, cells.main.large_edm()),
        "second": distillation_of(cells, cells.second.large_edm()),
    }


def _dae(cells: Cells) -> Errors:
    return errors_of(cells, cells.main.daes()["ncsnpp"], levels=cells.preset.dae_levels)


def _rows(
    cells: Cells, store: Store, family: str, pair: tuple[str, str], unit: str
) -> pl.DataFrame:
    """One pair's distances by level; the DAE is measured on the main family alone."""
    if pair != DAE:
        return compared(store.table(_families(cells)[family]), *pair, metric=unit)
    rows = compared(store.table(_dae(cells)), "network", "gaussian", metric=unit)
    return rows if family == "main" else rows.clear()


def needs(cells: Cells) -> list[Task]:
    return [*_families(cells).values(), _dae(cells)]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    return [
        Chart(
            f"fig-27-{family}",
            f"The same distances in two units: {where}",
            "Both put the pairs in one order. At high noise answers are near the mean picture, and where "
            "that is gray (near 0) dividing by it makes much of a small distance.",
            tuple(
                curves_panel(
                    [
                        (style, _rows(cells, store, family, pair, unit))
                        for pair, style in PAIRS.items()
                    ],
                    caption=CAPTIONS[unit],
                    y_title=Y_TITLES[unit],
                    hold=(0.0,),
                )
                for unit in (RMSE, RATIO)
            ),
            figure="Fig. 27",
        )
        for family, where in (
            ("main", cells.main.family.data.where),
            ("second", cells.second.family.data.where),
        )
    ]


def _high(rows: pl.DataFrame) -> float:
    """The largest value at high noise."""
    return float(between(rows, *HIGH)["mean"].max())  # type: ignore[arg-type]


def check(cells: Cells, store: Store) -> Check:
    told, tests, values = [], {}, {}
    gap, linear_gap = ("network", "gaussian"), ("network", "linear")
    for family in _families(cells):
        rows = {
            (pair, unit): _rows(cells, store, family, pair, unit)
            for pair in PAIRS
            for unit in (RMSE, RATIO)
        }
        pairs = [pair for pair in PAIRS if pair != DAE]
        means = {
            unit: [mean_between(rows[pair, unit], *BELOW) for pair in pairs]
            for unit in (RMSE, RATIO)
        }
        order = rank_order(means[RMSE], means[RATIO])
        # high noise over the levels below: what the second unit makes of the same gap
        grown = {
            unit: _high(rows[gap, unit]) / mean_between(rows[gap, unit], *BELOW)
            for unit in (RMSE, RATIO)
        }
        length = {
            band: mean_between(rows[gap, RMSE], *band) / mean_between(rows[gap, RATIO], *band)
            for band in (BELOW, HIGH)
        }
        far, linear = _high(rows[gap, RATIO]), _high(rows[linear_gap, RATIO])
        told.append(
            f"{family}: order {order:+.2f}; high over lower levels {grown[RMSE]:.2f} by RMSE, "
            f"{grown[RATIO]:.2f} by ratio; ratio at high noise to Gaussian {far:.3f}, to linear {linear:.3f}"
        )
        tests[f"{family}: the units order the pairs differently ({order:+.2f})"] = order > 0.999
        tests[
            f"{family}: the ratio does not raise high noise, where answers have a root mean square of "
            f"{length[HIGH]:.2f}, below it {length[BELOW]:.2f}"
        ] = grown[RATIO] > grown[RMSE]
        tests[
            f"{family}: at high noise the linear model ({linear:.3f}) is not the far nearer ({far:.3f})"
        ] = linear < far / 2
        values |= {
            f"{family}_order": order,
            f"{family}_ratio_high_gaussian": far,
            f"{family}_ratio_high_linear": linear,
        }
        if family == "main":
            dae = _high(rows[DAE, RATIO])
            told[-1] += f", DAE to Gaussian {dae:.3f}"
            tests[f"at high noise the DAE ({dae:.3f}) is not the far nearer ({far:.3f})"] = (
                dae < far / 2
            )
            values["ratio_high_dae"] = dae
    return Check.of("; ".join(told), tests, values)


FIGURE = Figure(
    number=27,
    title="Distances between denoisers by RMSE and by norm ratio, two sets of pictures",
    claim="Both units tell the same at low and intermediate noise; the norm ratio raises the network's gap "
    "to the Gaussian at high noise, where its gap to the linear model and the DAE's to the Gaussian stay "
    "small.",
    acceptance="means over sigma < 20 order the four pairs alike (rho = 1); the gap at sigma >= 40 over "
    "that below 20 is larger by ratio than by RMSE; there the network's ratio to the linear model, and the "
    "DAE's to the Gaussian, are less than half of the network's to the Gaussian",
    needs=needs,
    draw=draw,
    check=check,
)
