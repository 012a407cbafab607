"""The charts of a ladder, drawn as in the paper (Li et al. 2024), from its tables alone."""

import json
from pathlib import Path

import polars as pl

from denoscope.report.against import against_panel
from denoscope.report.chart import Chart
from denoscope.report.curves import Panel, curve_panel, value_domain
from denoscope.report.ladder import INTERMEDIATE, Ladder, read_ladder
from denoscope.report.palette import SIGNALS, Style, denoiser_style, input_name, pair_style
from denoscope.report.print import print_chart
from denoscope.tables import write_file

__all__ = ["ladder_charts", "write_ladder_figures"]

_HUES = ("#d9621e", "#b5446e", "#8458b3", "#4a6fc4", "#1f8fa8", "#0a9a74")
_DASHES = {"memorizing": (7, 3), "transitional": (2, 3), "generalizing": (1, 0)}
_NETWORK, _GAUSSIAN = denoiser_style("network"), denoiser_style("gaussian")
_CONTROL = denoiser_style("")


def ladder_charts(ladder: Ladder) -> list[Chart]:
    """The charts that the tables can fill, in the paper's order."""
    styles = _cell_styles(ladder)
    made = (
        _linearity(ladder, styles),
        _ends(ladder),
        _distance(ladder, styles),
        _training_length(ladder, styles),
        _along_n(ladder),
        _low_noise(ladder, styles),
        _signals(ladder),
    )
    return [chart for chart in made if chart.panels]


def _cell_styles(ladder: Ladder) -> dict[str, Style]:
    """Warm to cold along N; dashed where the network memorizes, solid where it generalizes (Fig. 1)."""
    cells = ladder.finished().rows(named=True)
    steps = max(1, len(cells) - 1)
    return {
        cell["cell"]: Style(
            f"N = {cell['n']:,}",
            _HUES[round(place * (len(_HUES) - 1) / steps)],
            _DASHES.get(cell["verdict"], (9, 3, 2, 3)),
        )
        for place, cell in enumerate(cells)
    }


def _curves(rows: pl.DataFrame, look: dict[str, Style]) -> pl.DataFrame:
    """Rows of finished cells, seeds pooled (they share pictures: their errors are not independent)."""
    pooled = (
        rows.filter(pl.col("cell").is_in(list(look)))
        .group_by("cell", "inputs", "sigma", "sigma_used", maintain_order=True)
        .agg(
            pl.col("mean").mean(), half=2 * pl.col("se").fill_null(0.0).mean(), n=pl.col("n").sum()
        )
    )
    return pooled.with_columns(
        low=pl.col("mean") - pl.col("half"),
        high=pl.col("mean") + pl.col("half"),
        series=pl.col("cell").replace_strict({c: s.name for c, s in look.items()}),
    ).sort("sigma")


def _panels(
    rows: pl.DataFrame,
    styles: list[Style],
    y_title: str,
    *,
    inputs: tuple[str, ...] = ("held_out", "noise"),
    x_domain: tuple[float, float] = (0.0016, 100.0),
    hold: tuple[float, ...] = (),
) -> tuple[Panel, ...]:
    if rows.is_empty():
        return ()
    return tuple(
        curve_panel(
            some,
            styles,
            caption=input_name(kind),
            y_title=y_title,
            x_domain=x_domain,
            y_domain=value_domain(rows, "linear", hold),
            rules=hold,
        )
        for kind in inputs
        if not (some := rows.filter(inputs=kind)).is_empty()
    )


def _linearity(ladder: Ladder, styles: dict[str, Style]) -> Chart:
    scores = ladder.measurements.filter(metric="linearity_cosine")
    rows = [_curves(scores.filter(denoiser="network"), styles)]
    look = list(styles.values())
    if styles:
        largest = list(styles)[-1]
        reference = Style("Gaussian", "#222222", (4, 3))
        rows.append(_curves(scores.filter(denoiser="gaussian"), {largest: reference}))
        look.append(reference)
    return Chart(
        "fig-01-linearity",
        "Linearity of networks trained on N pictures",
        "Cosine between the answer to a mix of two inputs and the mix of the answers (eq. 11). Dashed lines "
        "memorize, solid ones generalize, by their verdicts. The reference is not 1 but the "
        "Gaussian denoiser, here "
        "that of the largest training set.",
        _panels(pl.concat(rows), look, "linearity score (cosine)", hold=(1.0,)),
        figure="Fig. 1",
    )


def _ends(ladder: Ladder) -> Chart:
    """The smallest and the largest N, each held against both closed forms."""
    cells = ladder.finished().rows(named=True)
    rows = ladder.measurements.filter(metric="score_error", denoiser="network", inputs="held_out")
    look = {name: pair_style("network", name) for name in ("gaussian", "multi_delta")}
    drawn = {}
    for cell in (cells[0], cells[-1]) if len(cells) > 1 else ():
        parts = [
            _curves(rows.filter(reference=name), {cell["cell"]: style})
            for name, style in look.items()
        ]
        drawn[f"Trained on {cell['n']:,} pictures"] = pl.concat(parts)
    return Chart(
        "fig-05-two-regimes",
        "The two ends of the ladder against the two closed forms",
        "RMSE between the network and each closed form of its own training set on noisy held-out pictures. "
        "At high noise all agree; what tells the two apart lies below, where the multi-delta has collapsed.",
        tuple(
            curve_panel(
                some,
                list(look.values()),
                caption=caption,
                y_title="RMSE between two denoisers",
                x_domain=(0.0016, 100.0),
                y_domain=value_domain(pl.concat(drawn.values()), "linear", (0.0,)),
                rules=(0.0,),
            )
            for caption, some in drawn.items()
        ),
        figure="Figs 2 and 5",
    )


def _to_gaussian(ladder: Ladder, styles: dict[str, Style]) -> pl.DataFrame:
    rows = ladder.measurements.filter(
        metric="score_error", denoiser="network", reference="gaussian"
    )
    return _curves(rows, styles)


def _distance(ladder: Ladder, styles: dict[str, Style]) -> Chart:
    rows = _to_gaussian(ladder, styles)
    look = list(styles.values())
    return Chart(
        "fig-06-distance-to-gaussian",
        "Distance of each network to the Gaussian denoiser of its training set",
        "RMSE between the two answers (eq. 10): the nearer to zero, the more of the network its training "
        "set's mean and covariance explain.",
        _panels(rows, look, "RMSE, network to Gaussian", hold=(0.0,)),
        figure="Fig. 6 (left)",
    )


def _low_noise(ladder: Ladder, styles: dict[str, Style]) -> Chart:
    rows = _to_gaussian(ladder, styles).filter(pl.col("sigma") <= 1)
    look = list(styles.values())
    return Chart(
        "fig-16-low-noise",
        "The same distance at low noise: what the rank of the covariance costs",
        "N pictures span N - 1 directions. As sigma falls the Gaussian denoiser keeps these and drops the "
        "rest, which held-out pictures have and training pictures do not, while the network becomes the "
        "identity.",
        _panels(
            rows,
            look,
            "RMSE, network to Gaussian",
            inputs=("held_out", "train"),
            x_domain=(0.0016, 1.0),
            hold=(0.0,),
        ),
        figure="Fig. 16",
    )


def _points(rows: pl.DataFrame, series: str | pl.Expr, x: str) -> pl.DataFrame:
    """One point a cell, seeds pooled. rows: cell, n, kimg, mean, half."""
    name = pl.lit(series) if isinstance(series, str) else series
    return (
        rows.with_columns(series=name)
        .group_by("series", x, maintain_order=True)
        .agg(pl.col("mean").mean(), pl.col("half").fill_null(0.0).mean())
        .rename({x: "x"})
        .with_columns(low=pl.col("mean") - pl.col("half"), high=pl.col("mean") + pl.col("half"))
        .sort("x")
    )


def _along_n(ladder: Ladder) -> Chart:
    about = ladder.cells.filter("finished").select("cell", "n", "kimg", "seed")
    rows = ladder.measurements.join(about.rename({"n": "images"}), on=["cell", "seed"])
    rows = rows.with_columns(n=pl.col("images"), half=2 * pl.col("se"))
    if rows.is_empty():
        return Chart("fig-13-along-n", "", "", ())
    styles = [_NETWORK, _GAUSSIAN, _CONTROL]
    pairs = (("network", _NETWORK), ("gaussian", _GAUSSIAN), ("", _CONTROL))

    def of_samples(metric: str) -> pl.DataFrame:
        some = rows.filter(metric=metric)
        return pl.concat(_points(some.filter(denoiser=d), style.name, "n") for d, style in pairs)

    scores = rows.filter(
        pl.col("sigma_used").is_between(*INTERMEDIATE),
        metric="linearity_cosine",
        inputs="held_out",
    )
    lowest = scores.sort("mean").group_by("cell", "seed", "denoiser", maintain_order=True).first()
    linear = pl.concat(
        _points(lowest.filter(denoiser=d), style.name, "n") for d, style in pairs if d
    )
    title = "training pictures N"
    panels = (
        against_panel(
            of_samples("gl_pixel"), styles, "Distance to the training set", title, "GL (pixels)"
        ),
        against_panel(linear, styles, "Linearity", title, "lowest linearity score, σ in 0.1 … 20"),
        against_panel(
            of_samples("memorization_ratio"),
            styles,
            "Copies",
            title,
            "memorization ratio",
            (0.0, 1.0),
        ),
    )
    return Chart(
        "fig-13-along-n",
        "Distance to the training set, linearity and copies along the ladder",
        "GL (eq. 14) and the share of samples with d1/d2 < 1/3 are shown beside real held-out "
        "pictures measured "
        "against the same training set: what a perfect generalizer would have. Linearity is shown beside the "
        "Gaussian denoiser's.",
        panels,
        figure="Fig. 13",
    )


def _training_length(ladder: Ladder, styles: dict[str, Style]) -> Chart:
    measures = ladder.measures()
    names = {
        n: style.name
        for (cell, n) in ladder.finished().select("cell", "n").rows()
        if (style := styles.get(cell))
    }
    measures = measures.filter(pl.col("n").is_in(list(names)))
    name, panels = "fig-08-training-length", []
    if measures.filter(~pl.col("finished")).is_empty():
        return Chart(name, "", "", ())
    for measure, caption, y_title, hold in (
        ("distance_to_gaussian", "Distance to the Gaussian", "mean RMSE, σ in 0.1 … 20", ()),
        ("memorization_ratio", "Copies", "memorization ratio", (0.0, 1.0)),
    ):
        rows = measures.filter(measure=measure)
        series = pl.col("n").replace_strict(names, return_dtype=pl.String)
        title = "pictures seen in training, thousands"
        panels.append(
            against_panel(
                _points(rows, series, "kimg"), list(styles.values()), caption, title, y_title, hold
            )
        )
    return Chart(
        name,
        "The same networks on their way: distance to the Gaussian, and copies",
        "Averaged weights that were kept during training, audited as they are. In the paper a network of few "
        "pictures nears the Gaussian denoiser first and leaves it again as it comes to memorize.",
        tuple(panels),
        figure="Fig. 8",
    )


def _signals(ladder: Ladder) -> Chart:
    rows = [
        {"cell": cell["cell"], "n": cell["n"], "signal": name, "mean": one["value"]}
        | {"half": (one["high"] - one["low"]) / 2 if one["low"] is not None else 0.0}
        for cell in ladder.cells.filter("finished").rows(named=True)
        for name, one in json.loads(cell["signals"]).items()
        if name in SIGNALS and one["value"] is not None
    ]
    if not rows:
        return Chart("verdict-signals", "", "", ())
    table = pl.DataFrame(rows, infer_schema_length=None)
    series = pl.col("signal").replace_strict({key: style.name for key, style in SIGNALS.items()})
    points = _points(table, series, "n").with_columns(pl.col("mean", "low", "high").clip(-0.5, 1.5))
    panel = against_panel(
        points,
        list(SIGNALS.values()),
        "0: generalizing, 1: memorizing",
        "training pictures N",
        "signal",
        (0.0, 1.0),
    )
    return Chart(
        "verdict-signals",
        "The signals behind the verdict along the ladder",
        "Each on one scale; what they are and how they vote is told with the verdict. Values beyond "
        "-0.5 and 1.5 are drawn there.",
        (panel,),
    )


def write_ladder_figures(folder: str | Path, out: str | Path | None = None) -> list[Path]:
    """Draw every chart of a ladder as NAME.svg and NAME.png into `out` (default: FOLDER/figures)."""
    place = Path(out) if out is not None else Path(folder) / "figures"
    written = []
    for chart in ladder_charts(read_ladder(folder)):
        for ending, content in print_chart(chart).items():
            written.append(write_file(place / f"{chart.name}.{ending}", content))
    return written
