"""A ladder: one network trained on N pictures, for several N; its tables and what they measure.

It is one folder, without pictures or models:

    measurements.parquet   the rows of every audit, `cell` naming the model ("N=64", "N=64 at 24 kimg")
    verdicts.json          {"cells": [one object a cell and sampling seed]}: `cell`, `n`, `kimg`, `finished`,
                           `seed`, `verdict`, `confidence`, `signals` (name -> value, low, high, vote)
"""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from denoscope.errors import InputError
from denoscope.tables import conform

__all__ = ["INTERMEDIATE", "Ladder", "read_ladder"]

INTERMEDIATE = (0.1, 20.0)  # sigma; Li et al. 2024, section 3.1


@dataclass(frozen=True)
class Ladder:
    """measurements: as an audit's, over all cells. cells: one row a cell and seed (see the module)."""

    measurements: pl.DataFrame
    cells: pl.DataFrame

    def finished(self) -> pl.DataFrame:
        """(cell, n, verdict) of the networks at their full length, by N; the verdict most seeds gave."""
        return (
            self.cells.filter("finished")
            .group_by("cell", "n")
            .agg(verdict=pl.col("verdict").mode().sort().first())
            .sort("n")
        )

    def measures(self) -> pl.DataFrame:
        """What is compared along the ladder: cell, n, kimg, finished, seed, measure, mean, half.

        linearity_held_out, linearity_noise   lowest linearity score (eq. 11) at intermediate levels
        linearity_norm_ratio    largest norm ratio (eq. 12) at these levels, on held-out inputs
        distance_to_gaussian    RMSE between network and Gaussian denoiser (eq. 10) on held-out inputs,
                                mean over these levels
        low_noise_distance, low_noise_distance_train   the same at the lowest level, on held-out and
                                on training inputs
        gl, gl_over_control     GL (eq. 14) of samples, and over that of held-out pictures
        memorization_ratio      share of samples with d1/d2 < 1/3

        half: two standard errors, null where unknown.
        """
        rows = self.measurements
        inside = rows.filter(pl.col("sigma_used").is_between(*INTERMEDIATE))
        scores = inside.filter(metric="linearity_cosine", denoiser="network").sort("mean")
        ratios = inside.filter(metric="linearity_norm_ratio", denoiser="network", inputs="held_out")
        near = rows.filter(metric="score_error", denoiser="network", reference="gaussian")
        between = near.filter(pl.col("sigma_used").is_between(*INTERMEDIATE), inputs="held_out")
        lowest = near.filter(pl.col("sigma_used") == pl.col("sigma_used").min())
        found = {
            **{
                f"linearity_{kind}": _first(scores.filter(inputs=kind))
                for kind in ("held_out", "noise")
            },
            "linearity_norm_ratio": _first(ratios.sort("mean", descending=True)),
            "distance_to_gaussian": between.group_by("cell", "seed").agg(
                pl.col("mean", "se").mean()
            ),
            "low_noise_distance": lowest.filter(inputs="held_out"),
            "low_noise_distance_train": lowest.filter(inputs="train"),
            "gl": rows.filter(metric="gl_pixel", denoiser="network"),
            "gl_over_control": _over_control(rows.filter(metric="gl_pixel")),
            "memorization_ratio": rows.filter(metric="memorization_ratio", denoiser="network"),
        }
        joined = pl.concat(
            some.select("cell", "seed", "mean", "se", measure=pl.lit(name))
            for name, some in found.items()
        )
        about = self.cells.select("cell", "n", "kimg", "finished", "seed")
        return joined.join(about, on=["cell", "seed"]).with_columns(half=2 * pl.col("se"))


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("cell", "seed", maintain_order=True).first()


def _over_control(rows: pl.DataFrame) -> pl.DataFrame:
    """The network's mean over that of the control of the same cell and seed, errors propagated."""
    control = rows.filter(denoiser="", inputs="held_out")
    both = rows.filter(denoiser="network").join(control, on=["cell", "seed"], suffix="_control")
    parts = [pl.col("se") / pl.col("mean"), pl.col("se_control") / pl.col("mean_control")]
    ratio = pl.col("mean") / pl.col("mean_control")
    spread = pl.sum_horizontal(part.pow(2) for part in parts).sqrt()
    return both.with_columns(mean=ratio, se=(ratio * spread).fill_nan(None))


def read_ladder(folder: str | Path) -> Ladder:
    """The tables of a ladder. Raises InputError where a file is missing or is not what it should be."""
    where = Path(folder)
    try:
        rows = conform("measurements", pl.read_parquet(where / "measurements.parquet"))
        cells = json.loads((where / "verdicts.json").read_text(encoding="utf-8"))["cells"]
        about = pl.DataFrame(
            [{**cell, "signals": json.dumps(cell["signals"])} for cell in cells],
            infer_schema_length=None,
        )
        about = about.select(
            *("cell", "n", "kimg", "finished", "seed", "verdict", "confidence", "signals")
        )
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{folder} is not a ladder ({str(error).splitlines()[0]}): it holds "
            "measurements.parquet and verdicts.json, as benchmarks/ladder.py writes them"
        ) from error
    return Ladder(rows, about)
