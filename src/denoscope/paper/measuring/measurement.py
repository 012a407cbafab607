"""What all measurements of a model share: it is opened, measured into a ledger, and written whole."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import Tensor

from denoscope.denoiser import Denoiser
from denoscope.metrics import Estimate, Moments
from denoscope.noise import noise
from denoscope.paper.subject import Subject, View
from denoscope.sweeps import Store, Task, cost
from denoscope.tables import conform

__all__ = [
    "Ledger",
    "Measurement",
    "Report",
    "evaluation_seconds",
    "known_levels",
    "noisy",
    "to_uint8",
    "vector_pictures",
]

Report = Callable[[float], None]

BUNDLED_RATE = 400.0  # evaluations a second of a bundled network, on the reference machine


class Ledger:
    """Rows of a table, pictures and other files of a measurement, as they come."""

    def __init__(self, cell: str, seed: int) -> None:
        self.cell, self.seed = cell, seed
        self.pictures: dict[str, np.ndarray] = {}
        self.files: dict[str, bytes] = {}
        self._rows: list[dict[str, Any]] = []

    def values(self, metric: str, values: Tensor, **keys: Any) -> None:
        """The mean of values of single pictures (n,), with its error; NaN (undefined) is left out."""
        values = values.detach().double().cpu().reshape(-1)
        values = values[~values.isnan()]
        if len(values):
            self.estimate(metric, Moments.of(values).estimate, **keys)

    def estimate(self, metric: str, estimate: Estimate, **keys: Any) -> None:
        """A number with its standard error."""
        se = None if np.isnan(estimate.se) else estimate.se
        self._row(metric, estimate.value, se, estimate.n, keys)

    def number(self, metric: str, value: float, n: int = 1, **keys: Any) -> None:
        """A number without an error: exact, or one of a kind."""
        self._row(metric, float(value), None, n, keys)

    def spectrum(self, metric: str, values: Tensor, **keys: Any) -> None:
        """Numbers by place: `index` 0, 1, 2 ..."""
        for index, value in enumerate(values.tolist()):
            self.number(metric, value, index=index, **keys)

    def _row(
        self, metric: str, mean: float, se: float | None, n: int, keys: dict[str, Any]
    ) -> None:
        row = {
            "cell": self.cell,
            "seed": self.seed,
            "metric": metric,
            "mean": mean,
            "se": se,
            "n": n,
        }
        keys.setdefault("inputs", "held_out")
        self._rows.append(row | keys)

    def table(self) -> pl.DataFrame:
        """measurements.parquet. Raises InputError where two rows share their keys."""
        rows = [row | {"sigma_used": row.get("sigma_used", row.get("sigma"))} for row in self._rows]
        return conform("measurements", rows)


class Measurement(Task):
    """A task that measures one model; a subclass says what."""

    kind: ClassVar[str] = "measurement"

    subject: Subject
    seed: int = 0

    def needs(self) -> tuple[Task, ...]:
        return self.subject.needs

    def slug(self) -> str:
        words = self.subject.words.lower().replace("=", "").replace("@", "at")
        return "-".join(words.split())

    def run(self, store: Store, report: Report) -> None:
        ledger = Ledger(self.slug(), self.seed)
        with torch.no_grad():
            self.measure(self.subject.view(store), store, ledger, report)
        store.write(self, ledger.table(), ledger.pictures, **ledger.files)

    @abstractmethod
    def measure(self, view: View, store: Store, ledger: Ledger, report: Report) -> None:
        """Fill the ledger; report the fraction done."""


def noisy(view: View, kind: str, count: int, seed: int) -> tuple[Tensor, Tensor, list[int]]:
    """(x0, eps, ids) of an input kind: x = x0 + sigma eps at any level. x0 = 0 for noise alone."""
    shape = view.train.shape
    if kind == "noise":
        ids = list(range(count))
        x0 = torch.zeros(count, *shape)
    else:
        pictures = view.train if kind == "train" else view.held_out
        index = torch.arange(min(count, len(pictures)))
        ids, x0 = pictures.ids[index].tolist(), pictures.floats(index)
    return x0, noise(ids, shape, seed=seed, stream=kind), ids


def known_levels(denoiser: Denoiser, levels: Iterable[float]) -> list[float]:
    """Those of the levels that lie in the denoiser's range."""
    spec = denoiser.spec
    return [sigma for sigma in levels if spec.sigma_min <= sigma <= spec.sigma_max]


def to_uint8(pictures: Tensor) -> np.ndarray:
    """Floats in [-1, 1] to bytes, clipped: (v + 1) 127.5, rounded."""
    levels = ((pictures.float() + 1) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).cpu().numpy()


def vector_pictures(vectors: Tensor, shape: tuple[int, int, int]) -> np.ndarray:
    """Columns (d, n) as bytes (n, C, H, W): gray is 0, the largest entry of each is black or white."""
    scaled = vectors / vectors.abs().amax(0, keepdim=True).clamp(min=1e-12)
    return to_uint8(scaled.T.reshape(-1, *shape))


def evaluation_seconds(subject: Subject, evaluations: int) -> float:
    """Estimated seconds of that many evaluations of the subject's network."""
    if subject.bundled:
        return evaluations / BUNDLED_RATE
    return evaluations * cost.evaluation_seconds(subject.train.settings.network)
