"""Which pictures the page shows, in which order: samples, copies, trajectories, denoised pictures."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from denoscope.report.grids import PictureBudget, Tile
from denoscope.report.palette import denoiser_style
from denoscope.report.wording import sigma_text
from denoscope.tables import AuditTables

__all__ = ["Copy", "Gallery", "SampleRow", "Strip", "gallery"]

_ORDER = ("network", "gaussian", "multi_delta")
_SAMPLES_SHOWN, _COPIES_SHOWN, _COPIES_NAMED, _STRIPS_SHOWN, _LEVELS_SHOWN = 24, 60, 200, 4, 12


@dataclass(frozen=True)
class SampleRow:
    """One noise through every denoiser, and the training picture nearest to the network's sample."""

    number: int
    tiles: list[Tile]
    ratio: str
    copied: bool


@dataclass(frozen=True)
class Copy:
    """A sample that copies a training picture; tiles are empty where pictures are left out."""

    number: int
    nearest_id: int
    nearest_name: str
    ratio: str
    group_size: int
    tiles: list[Tile]


@dataclass(frozen=True)
class Strip:
    """Rows of tiles over the noise levels: (name, tiles), each as long as `sigmas`."""

    title: str
    sigmas: list[str]
    rows: list[tuple[str, list[Tile]]]


@dataclass
class Gallery:
    """All pictures of a page, and how many of each there were."""

    columns: list[str] = field(default_factory=list)
    samples: list[SampleRow] = field(default_factory=list)
    samples_drawn: int = 0
    copies: list[Copy] = field(default_factory=list)
    copies_found: int = 0
    trajectories: list[Strip] = field(default_factory=list)
    denoised: list[Strip] = field(default_factory=list)

    @property
    def has_pictures(self) -> bool:
        seen = [*self.samples, *self.trajectories, *self.denoised]
        return bool(seen) or any(copy.tiles for copy in self.copies)


def gallery(tables: AuditTables, pictures: bool, budget: int = 4_200_000) -> Gallery:
    """What of the audit's pictures the page shows, within `budget` bytes of data URI.

    With pictures=False no pixel is read; copies are still listed by id and name.
    """
    shown = Gallery()
    arrays = tables.pictures if pictures else {}
    drawn = tables.samples.filter(denoiser="network", source="sample").with_row_index("row")
    shown.samples_drawn = drawn.height
    _add_samples(shown, arrays, drawn, PictureBudget(budget * 35 // 100))
    _add_copies(shown, arrays, drawn, PictureBudget(budget * 25 // 100))
    sigmas = [level.sigma for level in tables.summary.levels]
    room = PictureBudget(budget * 25 // 100)
    shown.trajectories = _strips(arrays, "trajectory", _ORDER, sigmas, "Noise", room)
    room = PictureBudget(budget * 15 // 100)
    names = ("noisy", *_ORDER)
    shown.denoised = _strips(arrays, "denoise", names, sigmas, "Held-out picture", room)
    return shown


def _add_samples(
    shown: Gallery, arrays: dict[str, np.ndarray], drawn: pl.DataFrame, budget: PictureBudget
) -> None:
    keys = [name for name in (*_ORDER, "nearest") if f"sample/{name}" in arrays]
    if "network" not in keys:
        return
    shown.columns = [_name(key) for key in keys]
    count = min(len(arrays[f"sample/{key}"]) for key in keys)
    for row in drawn.head(min(count, _SAMPLES_SHOWN)).iter_rows(named=True):
        tiles = budget.row(
            [
                (arrays[f"sample/{key}"][row["row"]], f"{_spoken(key)}, noise {row['number']}")
                for key in keys
            ]
        )
        if tiles is None:
            break
        shown.samples.append(SampleRow(row["number"], tiles, _ratio(row["ratio"]), row["copied"]))


def _add_copies(
    shown: Gallery, arrays: dict[str, np.ndarray], drawn: pl.DataFrame, budget: PictureBudget
) -> None:
    copied = drawn.filter("copied").sort("ratio", nulls_last=True)
    shown.copies_found = copied.height
    sample, nearest = arrays.get("sample/network"), arrays.get("sample/nearest")
    for row in copied.head(_COPIES_NAMED).iter_rows(named=True):
        tiles, at = [], row["row"]
        room = len(shown.copies) < _COPIES_SHOWN
        if (
            room
            and sample is not None
            and nearest is not None
            and at < min(len(sample), len(nearest))
        ):
            pair = [
                (sample[at], f"Sample {row['number']}"),
                (nearest[at], f"Training picture {row['nearest_id']}, which it copies"),
            ]
            tiles = budget.row(pair) or []
        shown.copies.append(
            Copy(
                row["number"],
                row["nearest_id"],
                row["nearest_name"],
                _ratio(row["ratio"]),
                row["group_size"],
                tiles,
            )
        )


def _strips(
    arrays: dict[str, np.ndarray],
    room: str,
    names: tuple[str, ...],
    sigmas: list[float],
    title: str,
    budget: PictureBudget,
) -> list[Strip]:
    found = {name: arrays[f"{room}/{name}"] for name in names if f"{room}/{name}" in arrays}
    if not found:
        return []
    count = min(len(array) for array in found.values())
    depth = min(array.shape[1] for array in found.values())
    at = np.unique(np.linspace(0, depth - 1, min(depth, _LEVELS_SHOWN)).round().astype(int))
    known = len(sigmas) == depth
    labels = [sigma_text(sigmas[i]) if known else str(i + 1) for i in at]
    words = [f"sigma {label}" if known else f"step {label}" for label in labels]
    strips: list[Strip] = []
    for picture in range(min(count, _STRIPS_SHOWN)):
        rows: list[tuple[str, list[Tile]]] = []
        for name, array in found.items():
            tiles = budget.row(
                [
                    (array[picture, i], f"{_spoken(name)} at {word}")
                    for i, word in zip(at, words, strict=True)
                ]
            )
            if tiles is None:
                return strips
            rows.append((_name(name), tiles))
        strips.append(Strip(f"{title} {picture}", labels, rows))
    return strips


def _name(key: str) -> str:
    own = {"nearest": "Nearest", "noisy": "What was shown"}
    return own.get(key) or denoiser_style(key).name


def _spoken(key: str) -> str:
    own = {"nearest": "Nearest training picture", "noisy": "Noisy picture"}
    return own.get(key) or f"{denoiser_style(key).name} denoiser" if key != "network" else "Network"


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"
