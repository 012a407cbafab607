"""The measuring loop over levels: the only one there is.

Each picture is denoised once per denoiser and level; every metric reads that. Closed forms take the
same x as the network; the multi-delta serves all levels in one pass over the data, and the network
takes what that pass serves in batches of its own (`bench`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from denoscope.auditing.bench import Bench
from denoscope.auditing.inputs import InputBatch
from denoscope.auditing.recorder import Key, Recorder
from denoscope.denoiser import Denoiser, as_sigma, snap_to_levels
from denoscope.errors import InputError
from denoscope.metrics import (
    Closeness,
    closeness,
    isotropic,
    linearity_cosine,
    linearity_norm_ratio,
    mix,
    psnr,
    rmse,
    score_error,
    score_error_norm_ratio,
)

__all__ = [
    "HALF",
    "INTERMEDIATE",
    "Level",
    "audit_levels",
    "measure",
]

INTERMEDIATE = (0.1, 20.0)  # sigma; Li et al. 2024, section 3.1
HALF = 0.5**0.5  # a = b: where the linearity score is lowest (Li et al. 2024, fig. 10)
PAIRS = (("network", "gaussian"), ("network", "multi_delta"), ("gaussian", "multi_delta"))


@dataclass(frozen=True)
class Level:
    """A level asked, and the one the network knows that is used for everything."""

    sigma: float
    used: float


def audit_levels(denoiser: Denoiser, levels: Tensor) -> list[Level]:
    """The levels of an audit, high to low; asked levels that snap to one level are kept once.

    Raises InputError unless levels are (L,), positive and finite.
    """
    if levels.ndim != 1 or not bool(((levels > 0) & levels.isfinite()).all()):
        raise InputError(
            "noise levels must be positive and finite: give sigmas, as karras_levels(10)"
        )
    used = snap_to_levels(denoiser.spec, levels.double()).tolist()
    found: dict[float, Level] = {}
    for sigma, level in zip(levels.tolist(), used, strict=True):
        nearer = level not in found or abs(sigma - level) < abs(found[level].sigma - level)
        if nearer:
            found[level] = Level(sigma, level)
    kept = sorted(found.values(), key=lambda level: -level.used)
    if not kept or any(a.sigma <= b.sigma for a, b in pairwise(kept)):
        raise InputError("no usable noise levels: give sigmas inside the model's range")
    return kept


@torch.no_grad()
def measure(
    bench: Bench, batches: Iterator[InputBatch], levels: list[Level], recorder: Recorder
) -> dict[str, list[Tensor]]:
    """Run batches of one kind through every denoiser at every level; record every metric.

    Returns x and each denoiser's answers of the first batch by level, which the report shows.
    """
    near: dict[Level, list[Closeness]] = {level: [] for level in levels}
    ideal: dict[Level, list[Closeness]] = {level: [] for level in levels}
    shown: dict[str, list[Tensor]] = {}
    kind = ""
    for batch in batches:
        kind = batch.kind
        x0, eps = batch.x0.to(bench.device), batch.eps.to(bench.device)
        on_device = InputBatch(kind, batch.ids, x0, eps)
        sigmas = torch.tensor([level.used for level in levels], dtype=torch.float64)
        singles, pairs = len(x0), _pairs(on_device)
        clean, noise = _with_mixtures(x0, pairs), _with_mixtures(eps, pairs)
        posteriors = bench.multi_delta.posterior_at_levels(clean, noise, sigmas)
        for place, level in enumerate(levels):
            x = on_device.at(level.used)
            answers = {
                "network": bench.network_at(x, level.used),
                "gaussian": bench.gaussian(x, as_sigma(level.used, x)),
                "multi_delta": posteriors[place].x0_hat[:singles],
            }
            record = _Row(recorder, kind, level, batch.ids)
            effective = posteriors[place].effective_number[:singles]
            record("effective_pictures", effective, "multi_delta")
            if kind != "noise":
                _errors(record, bench, x, x0, answers)
            _comparisons(record, answers)
            baseline = isotropic(x, as_sigma(level.used, x), bench.mean, bench.variance)
            forms = answers["gaussian"], answers["multi_delta"], baseline
            near[level].append(closeness(answers["network"], *forms))
            if kind != "noise":
                ideal[level].append(closeness(x0, *forms))
            if pairs:
                mixed = posteriors[place].x0_hat[singles:]
                _linearity(record, bench, x, level, answers, mixed)
            if len(shown.setdefault("noisy", [])) < len(levels):
                shown["noisy"].append(x[:6].cpu())
                for name, answer in answers.items():
                    shown.setdefault(name, []).append(answer[:6].cpu())
    for level in levels:
        if near[level]:
            _closeness(recorder, kind, level, Closeness.join(near[level]))
        if ideal[level]:
            _ideal_position(recorder, kind, level, Closeness.join(ideal[level]))
    return shown


class _Row:
    """Records values of one batch at one level."""

    def __init__(self, recorder: Recorder, kind: str, level: Level, ids: list[int]) -> None:
        self.recorder, self.kind, self.level, self.ids = recorder, kind, level, ids

    def __call__(
        self,
        metric: str,
        values: Tensor,
        denoiser: str = "",
        reference: str = "",
        param: float | None = None,
    ) -> None:
        key = Key(metric, denoiser, reference, self.kind, self.level.sigma, self.level.used, param)
        ids = (
            self.ids if param is None else self.ids[0 : 2 * len(values) : 2]
        )  # a pair by its first
        self.recorder.add(key, ids, values)


def _errors(record: _Row, bench: Bench, x: Tensor, x0: Tensor, answers: dict[str, Tensor]) -> None:
    errors = {name: rmse(answer, x0) for name, answer in answers.items()}
    nothing, mean = rmse(x, x0), rmse(bench.mean.expand_as(x0), x0)
    record("identity_rmse", nothing)
    record("mean_rmse", mean)
    for name, error in errors.items():
        record("rmse", error, name)
        record("psnr", psnr(answers[name], x0), name)
    for name, other in (("gaussian", errors["gaussian"]), ("identity", nothing), ("mean", mean)):
        record("rmse_difference", errors["network"] - other, "network", name)


def _comparisons(record: _Row, answers: dict[str, Tensor]) -> None:
    for one, two in PAIRS:
        record("score_error", score_error(answers[one], answers[two]), one, two)
        record(
            "score_error_norm_ratio", score_error_norm_ratio(answers[one], answers[two]), one, two
        )


def _pairs(batch: InputBatch) -> int:
    """How many pairs of neighbours are mixed for linearity: none of training pictures."""
    return 0 if batch.kind == "train" else len(batch.ids) // 2


def _with_mixtures(rows: Tensor, pairs: int) -> Tensor:
    """The rows, and behind them each pair's mixture: the multi-delta passes over its data once."""
    return torch.cat([rows, mix(rows[0 : 2 * pairs : 2], rows[1 : 2 * pairs : 2], HALF)])


def _linearity(
    record: _Row, bench: Bench, x: Tensor, level: Level, answers: dict[str, Tensor], mixed: Tensor
) -> None:
    """Eqs 11 and 12 at a = b, from the single answers and one more evaluation a pair."""
    pairs = len(x) // 2
    x_mix = mix(x[0 : 2 * pairs : 2], x[1 : 2 * pairs : 2], HALF)
    mixtures = {
        "network": bench.network_at(x_mix, level.used),
        "gaussian": bench.gaussian(x_mix, as_sigma(level.used, x)),
        "multi_delta": mixed,
    }
    for name, answer in mixtures.items():
        one, two = answers[name][0 : 2 * pairs : 2], answers[name][1 : 2 * pairs : 2]
        record("linearity_cosine", linearity_cosine(answer, one, two, HALF), name, param=HALF)
        record(
            "linearity_norm_ratio", linearity_norm_ratio(answer, one, two, HALF), name, param=HALF
        )


def _closeness(recorder: Recorder, kind: str, level: Level, near: Closeness) -> None:
    for metric, reference, estimate in (
        ("explained_gaussian", "gaussian", near.gaussian_share()),
        ("explained_multi_delta", "multi_delta", near.multi_delta_share()),
        ("toward_multi_delta", "", near.position()),
    ):
        recorder.pool(Key(metric, "network", reference, kind, level.sigma, level.used), estimate)


def _ideal_position(recorder: Recorder, kind: str, level: Level, clean: Closeness) -> None:
    """Where the optimal denoiser of the population stands, measured without knowing it.

    The position is linear in the denoiser, and G and M are functions of x, so

        E <x0 - G, M - G> = E <E[x0|x] - G, M - G>:

    the clean pictures have, on average, the position of the posterior mean. On held-out inputs this
    is where a perfect generalizer would stand.
    """
    key = Key("toward_multi_delta", "clean", "", kind, level.sigma, level.used)
    recorder.pool(key, clean.position())
