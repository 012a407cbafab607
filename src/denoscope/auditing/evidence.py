"""From recorded values to what a summary says: headline figures and warnings."""

import torch

from denoscope.auditing.measuring import HALF, INTERMEDIATE, Level
from denoscope.auditing.recorder import Key, Recorder
from denoscope.images import Contained, DuplicateGroups
from denoscope.metrics import bootstrap_interval, fraction_interval
from denoscope.tables import Figure

__all__ = ["data_warnings", "headline_figures"]


def headline_figures(recorder: Recorder, levels: list[Level], seed: int) -> dict[str, Figure]:
    """The figures a reader looks at first, each with its 95 % interval."""
    figures: dict[str, Figure] = {}
    for name, key, note in (
        (
            "memorization_ratio",
            Key("memorization_ratio", "network", "", "noise"),
            "share of samples with d1/d2 < 1/3",
        ),
        (
            "memorization_ratio_control",
            Key("memorization_ratio", "", "", "held_out"),
            "the same for held-out pictures",
        ),
        (
            "gl_pixel",
            Key("gl_pixel", "network", "", "noise"),
            "mean of |x - NN(x)| / |x| over samples",
        ),
        ("gl_pixel_control", Key("gl_pixel", "", "", "held_out"), "the same for held-out pictures"),
    ):
        values = recorder.values(key)
        if len(values):
            low, high = bootstrap_interval(values, torch.mean, seed=seed)
            if low == high:  # resampling identical outcomes has no width; Wilson's interval has
                low, high = fraction_interval(int(values.sum()), len(values))
            figures[name] = Figure(
                value=float(values.mean()), low=low, high=high, n=len(values), note=note
            )
    for kind in ("held_out", "noise"):
        lowest = _lowest_linearity(recorder, levels, kind)
        if lowest:
            figures[f"linearity_lowest_{kind}"] = lowest
    inside = [level for level in levels if INTERMEDIATE[0] <= level.used <= INTERMEDIATE[1]]
    for reference in ("gaussian", "multi_delta"):
        columns = [
            recorder.values(
                Key("score_error", "network", reference, "held_out", level.sigma, level.used)
            )
            for level in inside
        ]
        if columns and len(columns[0]):
            values = torch.stack(columns).mean(0)
            low, high = bootstrap_interval(values, torch.mean, seed=seed)
            figures[f"score_error_{reference}"] = Figure(
                value=float(values.mean()),
                low=low,
                high=high,
                n=len(values),
                note=f"RMSE between network and {reference.replace('_', '-')} on held-out "
                "inputs, mean over sigma in [0.1, 20]",
            )
    return figures


def _lowest_linearity(recorder: Recorder, levels: list[Level], kind: str) -> Figure | None:
    found = []
    for level in levels:
        key = Key("linearity_cosine", "network", "", kind, level.sigma, level.used, HALF)
        estimate = recorder.estimate(key)
        if estimate is not None and INTERMEDIATE[0] <= level.used <= INTERMEDIATE[1]:
            reference = recorder.estimate(key._replace(denoiser="gaussian"))
            found.append((estimate.value, estimate, level, reference))
    if not found:
        return None
    _, estimate, level, reference = min(found, key=lambda row: row[0])
    low, high = estimate.interval()
    beside = f"; the Gaussian denoiser has {reference.value:.3f} there" if reference else ""
    known = _finite(low)
    return Figure(
        value=estimate.value,
        low=low if known else None,
        high=high if known else None,
        n=estimate.n,
        note=f"lowest linearity score (cosine), at sigma {level.used:.3g}{beside}",
    )


def data_warnings(
    groups: DuplicateGroups | None, overlap: Contained | None, n_train: int
) -> list[str]:
    """Duplicates within the training set, and held-out pictures that are in it."""
    warnings = []
    if groups is not None and groups.groups:
        pictures = sum(map(len, groups.groups))
        largest = groups.groups[0]
        warnings.append(
            f"{pictures} of {n_train} training pictures have near-duplicates in the training set "
            "(within "
            f"{groups.rms:.1f} grey levels RMS), in {len(groups.groups)} groups, the largest of "
            f"{len(largest)} "
            f"(picture {largest[0]} and others). Duplicates are memorized first."
        )
    if overlap is not None and len(overlap):
        exact = int(overlap.exact.sum())
        warnings.append(
            f"{len(overlap)} of the held-out pictures are in the training set ({exact} exactly, "
            "the rest within "
            f"{overlap.rms:.1f} grey levels RMS), the first being {int(overlap.held_out[0])}: "
            "they hide memorization. "
            "Take them out of the held-out set."
        )
    return warnings


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")
