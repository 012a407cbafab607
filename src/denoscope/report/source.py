"""What charts draw from: the measurements of one audit, pooled and finite."""

import math

import polars as pl

from denoscope.tables import AuditTables

__all__ = ["ChartSource"]


class ChartSource:
    """The tables as charts want them: finite, seeds pooled; and where the multi-delta collapses."""

    def __init__(self, tables: AuditTables) -> None:
        self.tables = tables
        finite = pl.col("mean").is_finite() & pl.col("sigma").is_finite() & (pl.col("sigma") > 0)
        self.rows = tables.measurements.filter(finite)
        self.collapse = self._collapse()
        latent = tables.summary.provenance.latents is not None
        self.units = "units of the scaled latents" if latent else "pixels range over −1 … 1"

    def metric(self, name: str) -> pl.DataFrame:
        rows = self.rows.filter(metric=name)
        if name.startswith("linearity") and rows["param"].n_unique() > 1:
            off = (pl.col("param") - math.sqrt(0.5)).abs()
            rows = rows.filter(off == off.min())
        keys = ["denoiser", "reference", "inputs", "sigma", "sigma_used"]
        weight, spread = pl.col("n").cast(pl.Float64), pl.col("se").fill_null(0.0)
        pooled = rows.group_by(keys, maintain_order=True).agg(
            mean=(pl.col("mean") * weight).sum() / weight.sum(),
            half=2 * ((weight * spread) ** 2).sum().sqrt() / weight.sum(),
            n=pl.col("n").sum(),
        )
        return pooled.with_columns(
            low=pl.col("mean") - pl.col("half"), high=pl.col("mean") + pl.col("half")
        ).sort("sigma")

    def _collapse(self) -> float | None:
        """The level under which the multi-delta answers held-out inputs with about one picture."""
        rows = self.rows.filter(metric="effective_pictures")
        for inputs in ("held_out", "noise", "train"):
            some = rows.filter(inputs=inputs).sort("sigma")
            below = some.filter(pl.col("mean") < 2)["sigma"]
            above = some.filter(pl.col("mean") >= 2)["sigma"]
            if some.is_empty() or below.is_empty():
                continue
            top = float(below.max())  # type: ignore[arg-type]
            higher = above.filter(above > top)
            return math.sqrt(top * float(higher.min())) if len(higher) else top  # type: ignore[arg-type]
        return None
