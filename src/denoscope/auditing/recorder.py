"""From values of single pictures to rows of the tables."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor

from denoscope.metrics import Estimate, Moments

__all__ = ["Key", "Recorder"]


class Key(NamedTuple):
    """What was measured; the key columns of a table's row."""

    metric: str
    denoiser: str = ""
    reference: str = ""
    inputs: str = "held_out"
    sigma: float | None = None
    sigma_used: float | None = None
    param: float | None = None


class Recorder:
    """Collects values by key, batch by batch; tables and pooled estimates come out at the end."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._values: dict[Key, list[Tensor]] = {}
        self._pictures: dict[Key, list[int]] = {}
        self._pooled: dict[Key, Estimate] = {}

    def add(self, key: Key, pictures: Sequence[int], values: Tensor) -> None:
        """Values of single pictures, (n,); NaN (undefined for that picture) is left out."""
        values = values.detach().double().cpu()
        defined = ~values.isnan()
        self._values.setdefault(key, []).append(values[defined])
        kept = [p for p, d in zip(pictures, defined.tolist(), strict=True) if d]
        self._pictures.setdefault(key, []).extend(kept)

    def pool(self, key: Key, estimate: Estimate) -> None:
        """A figure that is not a mean of values: a ratio of sums, a difference of groups."""
        if not np.isnan(estimate.value):
            self._pooled[key] = estimate

    def values(self, key: Key) -> Tensor:
        """All values under a key, float64 (n,); empty where nothing was recorded."""
        parts = self._values.get(key, [])
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def estimate(self, key: Key) -> Estimate | None:
        """Mean and standard error under a key, or the pooled estimate."""
        if key in self._pooled:
            return self._pooled[key]
        values = self.values(key)
        return Moments.of(values).estimate if len(values) else None

    def measurements(self) -> pl.DataFrame:
        """measurements.parquet."""
        rows: list[dict[str, Any]] = []
        for key in [*self._values, *self._pooled]:
            estimate = self.estimate(key)
            if estimate is None:
                continue
            se = None if np.isnan(estimate.se) else estimate.se
            row = {**key._asdict(), "mean": estimate.value, "se": se, "n": estimate.n}
            rows.append({"cell": "", "seed": self.seed, **row, "index": None})
        return pl.DataFrame(rows, infer_schema_length=None)

    def per_picture(self) -> pl.DataFrame:
        """values.parquet."""
        frames = []
        for key in self._values:
            values = self.values(key).numpy()
            frame = pl.DataFrame({"picture": self._pictures[key], "value": values})
            columns = [pl.lit(v).alias(name) for name, v in key._asdict().items() if v is not None]
            frames.append(frame.with_columns(columns))
        if not frames:
            return pl.DataFrame()
        whole = pl.concat(frames, how="diagonal_relaxed")
        return whole.with_columns(pl.lit("").alias("cell"), pl.lit(self.seed).alias("seed"))
