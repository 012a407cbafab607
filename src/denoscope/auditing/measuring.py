"""The measuring loop over levels: the only one there is.

Each picture is denoised once per denoiser and level; every metric reads that. Closed forms take the
same x as the network; the multi-delta serves all levels in one pass over the data, and the network
takes what that pass serves in batches of its own.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from denoscope.auditing.inputs import InputBatch
from denoscope.auditing.recorder import Key, Recorder
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import Denoiser, as_sigma, snap_to_levels
from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
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
    "Bench",
    "Level",
    "audit_levels",
    "batch_for",
    "bench_for",
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


@dataclass
class Bench:
    """The denoisers under one roof, on one device, and the time the network took."""

    network: Denoiser
    gaussian: GaussianDenoiser
    multi_delta: MultiDeltaDenoiser
    mean: Tensor
    variance: float
    device: torch.device
    batch: int  # pictures in a call of the network
    network_seconds: float = 0.0
    evaluations: int = 0
    on_evaluations: Callable[[int], None] = field(default=lambda n: None)

    def network_at(self, x: Tensor, sigma: float) -> Tensor:
        """The audited model, in batches, timed and checked: RunError on NaN or infinity.

        Where a batch does not fit a GPU's memory, half of it is tried, there and from then on.
        """
        parts, start = [], 0
        while start < len(x):
            part = x[start : start + self.batch]
            try:
                parts.append(self._answer(part, sigma))
                start += len(part)
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
                self.batch = (len(part) + 1) // 2
        return torch.cat(parts)

    def _answer(self, x: Tensor, sigma: float) -> Tensor:
        started = time.perf_counter()
        out = self.network(x, as_sigma(sigma, x))
        if out.shape != x.shape:
            raise InputError(
                f"{self.network.spec.name}: returned {tuple(out.shape)} for {tuple(x.shape)}: "
                "a denoiser returns x's shape"
            )
        finite = bool(torch.isfinite(out).all())  # also waits for the device: the clock is true
        self.network_seconds += time.perf_counter() - started
        self.evaluations += len(x)
        self.on_evaluations(len(x))
        if not finite:
            raise RunError(
                f"{self.network.spec.name} returned values that are not finite at sigma {sigma:g}: "
                "check its weights and its range of levels"
            )
        return out


def bench_for(
    denoiser: Denoiser,
    train: Pictures,
    device: torch.device,
    on_evaluations: Callable[[int], None] = lambda n: None,
    batch: int | None = None,
) -> Bench:
    """The denoiser, on `device` already, beside the closed forms of its training set.

    batch: pictures in a call of the network; `batch_for` where None.
    """
    gaussian = GaussianDenoiser.fit(train)
    variance = float(gaussian.eigenvalues.sum()) / gaussian.mean.numel()
    return Bench(
        network=denoiser,
        gaussian=gaussian.to(device),
        multi_delta=MultiDeltaDenoiser(train).to(device),
        mean=gaussian.mean.float().reshape(train.shape).to(device),
        variance=variance,
        device=device,
        batch=batch or batch_for(train.shape, device),
        on_evaluations=on_evaluations,
    )


def batch_for(shape: tuple[int, int, int], device: torch.device) -> int:
    """Pictures in a call of the network, a function of their size alone: the same run, the same bits.

    On a processor about 2^16 values, 8 to 64 pictures, whose features stay near the cache (a network
    of 28 x 28 pictures took 6.3 ms a picture in batches of 64, 9.2 in batches of 256, 7.2 in batches
    of 16). On a GPU 256, which `Bench.network_at` halves where they do not fit.
    """
    if device.type != "cpu":
        return 256
    fitting = min(64, max(8, (1 << 16) // math.prod(shape)))
    return 1 << (fitting.bit_length() - 1)


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
