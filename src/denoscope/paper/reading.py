"""From the tables of measurements to numbers for a claim and lines for a chart."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from denoscope.metrics import spearman
from denoscope.report.against import against_panel
from denoscope.report.curves import Panel, curve_panel, value_domain
from denoscope.report.palette import Style

__all__ = [
    "ARCHITECTURES",
    "COPIES",
    "DAES",
    "HUES",
    "INTERMEDIATE",
    "NOVEL",
    "along_panel",
    "at_level",
    "beside_gaussian",
    "between",
    "compared",
    "cosines",
    "curves_panel",
    "error_between",
    "finished",
    "level_words",
    "mean_between",
    "mean_picture",
    "points_along",
    "rank_order",
    "series_styles",
]

COPIES, NOVEL = 0.5, 0.1  # shares of copies beyond those among held-out pictures
INTERMEDIATE = (0.1, 20.0)  # sigma; Li et al. 2024, section 3.1 (their 0.116 to 20 on the grid)
HUES = ("#d9621e", "#b5446e", "#8458b3", "#4a6fc4", "#1f8fa8", "#0a9a74", "#5b8c2a", "#222222")
EVERYWHERE = (0.0016, 100.0)
ARCHITECTURES = {"ddpmpp": "DDPM++", "ncsnpp": "NCSN++", "adm": "ADM"}
DAES = {"linear": "DAE-Linear", "skip": "DAE-Skip", "dit": "DAE-DiT", "ncsnpp": "DAE-NCSN"}


def compared(
    table: pl.DataFrame,
    one: str,
    two: str,
    *,
    metric: str = "score_error",
    inputs: str = "held_out",
) -> pl.DataFrame:
    """The rows, by level, of the distance between two denoisers."""
    return table.filter(metric=metric, denoiser=one, reference=two, inputs=inputs).sort("sigma")


def finished(table: pl.DataFrame, metric: str, denoiser: str = "network") -> tuple[float, float]:
    """(mean, standard error) of a metric of finished samples; denoiser "": the held-out control.

    NaN where there is none.
    """
    rows = table.filter(pl.col("sigma").is_null(), metric=metric, denoiser=denoiser)
    if rows.is_empty():
        return float("nan"), float("nan")
    return float(rows["mean"][0]), float(rows["se"].fill_null(0.0)[0])


def between(rows: pl.DataFrame, low: float, high: float) -> pl.DataFrame:
    """The rows of levels in [low, high]."""
    return rows.filter(pl.col("sigma").is_between(low, high))


def mean_between(
    rows: pl.DataFrame, low: float = INTERMEDIATE[0], high: float = INTERMEDIATE[1]
) -> float:
    """The mean over levels in [low, high] of `mean`; NaN where there is none."""
    value = between(rows, low, high)["mean"].mean()
    return float("nan") if value is None else float(value)  # type: ignore[arg-type]


def error_between(
    rows: pl.DataFrame, low: float = INTERMEDIATE[0], high: float = INTERMEDIATE[1]
) -> float:
    """The standard error of `mean_between`, at most: levels share their noise, errors do not cancel."""
    value = between(rows, low, high)["se"].fill_null(0.0).mean()
    return float("nan") if value is None else float(value)  # type: ignore[arg-type]


def at_level(rows: pl.DataFrame, sigma: float) -> float:
    """`mean` at the level nearest to sigma (by ratio); NaN where there is none."""
    if rows.is_empty():
        return float("nan")
    order = rows.sort((pl.col("sigma").log() - float(np.log(sigma))).abs())
    return float(order["mean"][0])


def beside_gaussian(audited: pl.DataFrame, sigma: float) -> str:
    """Which of a network and its Gaussian is the better denoiser of held-out pictures at a level, in words.

    audited: a table with the errors of both. No network should be the worse: it could have learned to
    be linear.
    """
    rows = audited.filter(metric="rmse", inputs="held_out")
    own, form = (at_level(rows.filter(denoiser=name), sigma) for name in ("network", "gaussian"))
    words = f"RMSE to the clean picture {own:.3f}, of the Gaussian {form:.3f}"
    worse = round(own, 3) > round(form, 3)
    return words + ("; it is under-trained there" if worse else "")


def points_along(rows: pl.DataFrame) -> list[tuple[float, float, float]]:
    """(param, mean, se) by param, for `along_panel`; a number without an error has se 0."""
    parts = rows.sort("param").select("param", "mean", pl.col("se").fill_null(0.0))
    return [(float(x), float(mean), float(se)) for x, mean, se in parts.iter_rows()]


def rank_order(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation."""
    return float(spearman(list(x), list(y)))


def cosines(one: np.ndarray, two: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """The cosine of each pair of pictures, float64 (n,); bytes are read as [-1, 1].

    centre: a picture (C, H, W) in bytes taken from both first. Pictures on one ground have raw
    cosines near 1 whatever they show.
    """
    a, b = (part.reshape(len(part), -1).astype(np.float64) / 127.5 - 1 for part in (one, two))
    if centre is not None:
        middle = centre.reshape(1, -1).astype(np.float64) / 127.5 - 1
        a, b = a - middle, b - middle
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(1) / np.maximum(lengths, 1e-12)


def mean_picture(*pictures: np.ndarray) -> np.ndarray:
    """The mean (C, H, W) of arrays of pictures, in bytes."""
    return np.concatenate(pictures).mean(0).round().astype(np.uint8)


def level_words(levels: Sequence[float]) -> tuple[str, ...]:
    """Headings over pictures by level: "80", "0.47"."""
    return tuple(f"{level:.3g}" for level in levels)


def series_styles(names: Sequence[str], dashes: Sequence[tuple[int, ...]] = ()) -> list[Style]:
    """Warm to cold in the order given."""
    steps = max(1, len(names) - 1)
    return [
        Style(
            name,
            HUES[round(place * (len(HUES) - 2) / steps)],
            dashes[place] if dashes else (1, 0),
        )
        for place, name in enumerate(names)
    ]


def curves_panel(
    parts: Sequence[tuple[Style, pl.DataFrame]],
    *,
    caption: str,
    y_title: str,
    hold: Sequence[float] = (),
    show: Sequence[float] = (),
    y_scale: str = "linear",
    x_domain: tuple[float, float] = EVERYWHERE,
) -> Panel:
    """Lines against sigma with bands of two standard errors; one style and its rows a line.

    hold: values the y axis must show, each with a rule; show: others it must show, so that two panels
    share their axes. Lines without rows are left out.
    """
    low, high = x_domain
    drawn = [(style, between(rows, low, high)) for style, rows in parts]
    drawn = [(style, rows) for style, rows in drawn if not rows.is_empty()]
    lines = pl.concat(
        rows.select(
            pl.lit(style.name).alias("series"),
            *("sigma", "sigma_used", "mean", "n"),
            (pl.col("mean") - 2 * pl.col("se").fill_null(0.0)).alias("low"),
            (pl.col("mean") + 2 * pl.col("se").fill_null(0.0)).alias("high"),
        )
        for style, rows in drawn
    )
    return curve_panel(
        lines.sort("sigma"),
        [style for style, _ in drawn],
        caption=caption,
        y_title=y_title,
        x_domain=x_domain,
        y_domain=value_domain(lines, y_scale, (*hold, *show)),
        y_scale=y_scale,
        rules=hold,
    )


def along_panel(
    parts: Sequence[tuple[Style, Sequence[tuple[float, float, float]]]],
    *,
    caption: str,
    x_title: str,
    y_title: str,
    hold: Sequence[float] = (),
    y_scale: str = "linear",
) -> Panel:
    """Lines against a count on a log axis; one style and its (x, mean, se) points a line.

    A style without points stays in the legend, which the panels of a chart share.
    """
    rows = [
        {
            "series": style.name,
            "x": float(x),
            "mean": mean,
            "low": mean - 2 * se,
            "high": mean + 2 * se,
        }
        for style, points in parts
        for x, mean, se in points
    ]
    styles = [style for style, _ in parts]
    return against_panel(
        pl.DataFrame(rows), styles, caption, x_title, y_title, hold, y_scale=y_scale
    )
