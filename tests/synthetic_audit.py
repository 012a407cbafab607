"""A whole audit without torch: real digits, closed forms in numpy, a network pretended from them.

Slow and obvious on purpose. The network of `synthetic_audit("memorizing")` is nearly the
multi-delta of its training pictures, that of "generalizing" nearly the Gaussian. Evidence can be
withheld, and names can be set, to try what a page makes of it.
"""

import functools
import math

import numpy as np
from sklearn.datasets import load_digits

from denoscope.tables import (
    AuditTables,
    DataNote,
    Figure,
    LevelNote,
    ModelNote,
    Provenance,
    Reason,
    Summary,
    Verdict,
)

LEVELS = [80.0, 42.415, 21.109, 9.723, 4.066, 1.501, 0.47, 0.117, 0.02, 0.002]
DENOISERS = ("network", "gaussian", "multi_delta")
SHOWN = 16  # pictures measured of each kind


@functools.cache
def digits() -> np.ndarray:
    """1,797 real digits, float in [-1, 1], (N, 64)."""
    return np.asarray(load_digits().data) / 8 - 1


class Denoisers:
    """Gaussian (eq. 6), multi-delta (eq. 5), and a network that is `blend` of the way between."""

    def __init__(self, train: np.ndarray, blend: float) -> None:
        self.train, self.blend = train, blend
        self.mean = train.mean(0)
        centred = train - self.mean
        values, self.vectors = np.linalg.eigh(centred.T @ centred / len(train))
        self.variances = values.clip(0)

    def gaussian(self, x: np.ndarray, sigma: float) -> np.ndarray:
        shrink = self.variances / (self.variances + sigma**2)
        return self.mean + ((x - self.mean) @ self.vectors * shrink) @ self.vectors.T

    def weights(self, x: np.ndarray, sigma: float) -> np.ndarray:
        distance = ((x[:, None] - self.train[None]) ** 2).sum(-1)
        weight = np.exp(-(distance - distance.min(1, keepdims=True)) / (2 * sigma**2))
        return weight / weight.sum(1, keepdims=True)

    def multi_delta(self, x: np.ndarray, sigma: float) -> np.ndarray:
        return self.weights(x, sigma) @ self.train

    def network(self, x: np.ndarray, sigma: float) -> np.ndarray:
        wobble = 0.02 * np.sin(3 * x.clip(-2, 2))
        share = self.blend if sigma > 0.05 else self.blend * 0.3
        return (1 - share) * self.gaussian(x, sigma) + share * self.multi_delta(x, sigma) + wobble


def _rows(out: dict, metric: str, sigma: float | None, values: np.ndarray, **keys: object) -> None:
    values = np.asarray(values, dtype=float)
    key = {"seed": 0, "metric": metric, "sigma": sigma, "sigma_used": sigma, **keys}
    spread = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
    out["measurements"].append({**key, "mean": values.mean(), "se": spread, "n": len(values)})
    out["values"] += [{**key, "picture": i, "value": v} for i, v in enumerate(values.tolist())]


def _rms(difference: np.ndarray) -> np.ndarray:
    return np.sqrt((difference**2).mean(1))


def _norm(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x, axis=1)


def _u8(x: np.ndarray, colour: bool) -> np.ndarray:
    side = math.isqrt(x.shape[-1])
    pixels = ((x.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    pixels = pixels.reshape(*x.shape[:-1], 1, side, side)
    if not colour:
        return pixels
    return np.concatenate([pixels, 255 - pixels // 2, pixels // 3 + 90], axis=-3)


def _one_level(out: dict, d: Denoisers, sigma: float, eps: np.ndarray, held_out: np.ndarray | None):
    kinds = {"train": d.train[:SHOWN], "held_out": held_out, "noise": np.zeros((SHOWN, 64))}
    errors: dict[str, dict[str, np.ndarray]] = {name: {} for name in DENOISERS}
    for inputs, clean in kinds.items():
        if clean is None:
            continue
        clean = clean[:SHOWN]
        x = clean + sigma * eps[: len(clean)]
        answer = {name: getattr(d, name)(x, sigma) for name in DENOISERS}
        if inputs != "noise":
            for name in DENOISERS:
                error = errors[name][inputs] = _rms(answer[name] - clean)
                _rows(out, "rmse", sigma, error, denoiser=name, inputs=inputs)
                psnr = 20 * np.log10(2 / error.clip(1e-12))
                _rows(out, "psnr", sigma, psnr, denoiser=name, inputs=inputs)
            simple = {"identity": _rms(x - clean), "mean": _rms(d.mean - clean)}
            for name, error in simple.items():
                _rows(out, f"{name}_rmse", sigma, error, inputs=inputs)
            for name, error in (*simple.items(), ("gaussian", errors["gaussian"][inputs])):
                less = errors["network"][inputs] - error
                key = {"denoiser": "network", "reference": name, "inputs": inputs}
                _rows(out, "rmse_difference", sigma, less, **key)
        for one, two in (DENOISERS[:2], DENOISERS[::2], DENOISERS[1:]):
            apart = answer[one] - answer[two]
            key = {"denoiser": one, "reference": two, "inputs": inputs}
            _rows(out, "score_error", sigma, _rms(apart), **key)
            ratio = _norm(apart) / _norm(answer[one])
            _rows(out, "score_error_norm_ratio", sigma, ratio, **key)
            if one == "network":
                rest = (apart**2).sum(1) / ((answer[one] - d.mean) ** 2).sum(1)
                _rows(out, f"explained_{two}", sigma, 1 - rest, **key)
        axis = answer["multi_delta"] - answer["gaussian"]
        along = ((answer["network"] - answer["gaussian"]) * axis).sum(1) / (axis**2).sum(1)
        _rows(out, "toward_multi_delta", sigma, along, denoiser="network", inputs=inputs)
        if inputs != "noise":
            along = ((clean - answer["gaussian"]) * axis).sum(1) / (axis**2).sum(1)
            _rows(out, "toward_multi_delta", sigma, along, denoiser="clean", inputs=inputs)
        effective = 1 / (d.weights(x, sigma) ** 2).sum(1)
        _rows(out, "effective_pictures", sigma, effective, denoiser="multi_delta", inputs=inputs)
        if inputs != "train":
            a = math.sqrt(0.5)
            half = len(x) // 2
            one, two = x[:half], x[half : 2 * half]
            for name in DENOISERS:
                f = getattr(d, name)
                left, right = f(a * (one + two), sigma), a * (f(one, sigma) + f(two, sigma))
                cosine = np.abs((left * right).sum(1)) / (_norm(left) * _norm(right))
                key = {"denoiser": name, "inputs": inputs, "param": a}
                _rows(out, "linearity_cosine", sigma, cosine, **key)
                ratio = _norm(left - right) / _norm(left)
                _rows(out, "linearity_norm_ratio", sigma, ratio, **key)
    if held_out is not None:
        for name, error in errors.items():
            gap = error["held_out"].mean() - error["train"].mean()
            spread = math.hypot(*(e.std(ddof=1) / math.sqrt(len(e)) for e in error.values()))
            key = {"seed": 0, "metric": "rmse_gap", "denoiser": name, "inputs": "held_out"}
            key |= {"sigma": sigma, "sigma_used": sigma}
            out["measurements"].append({**key, "mean": gap, "se": spread, "n": SHOWN})


def _sampled(out: dict, d: Denoisers, latents: np.ndarray, held_out: np.ndarray | None, where: str):
    ways: dict[str, list[np.ndarray]] = {}
    ends: dict[str, np.ndarray] = {}
    for name in DENOISERS:
        x, ways[name] = LEVELS[0] * latents, []
        for sigma, below in zip(LEVELS, [*LEVELS[1:], 0.0], strict=True):
            ways[name].append(getattr(d, name)(x, sigma))
            x = x + (below - sigma) * (x - ways[name][-1]) / sigma
        ends[name] = ways[name][-1]
    nearest = np.zeros(len(latents), dtype=int)
    for name, x in [*ends.items(), ("", held_out)]:
        if x is None:
            continue
        distance = np.sqrt(((x[:, None] - d.train[None]) ** 2).sum(-1))
        order = distance.argsort(1)
        first, second = (np.take_along_axis(distance, order, 1)[:, i] for i in (0, 1))
        key = {"denoiser": name, "inputs": "noise" if name else "held_out"}
        _rows(out, "gl_pixel", None, first / _norm(x), **key)
        _rows(out, "memorization_ratio", None, first / second < 1 / 3, **key)
        if name == "network":
            nearest = order[:, 0]
        out["samples"] += [
            {
                "seed": 0,
                "denoiser": name,
                "source": "sample" if name else "held_out",
                "number": i,
                "nearest_id": int(order[i, 0]),
                "nearest_distance": first[i],
                "outside_id": int(order[i, 1]),
                "outside_distance": second[i],
                "ratio": first[i] / second[i],
                "group_size": 1,
                "gl": first[i] / np.linalg.norm(x[i]),
                "copied": bool(first[i] / second[i] < 1 / 3),
                "nearest_name": f"{where}[{order[i, 0]}]",
            }
            for i in range(len(x))
        ]
    return ways, ends, nearest


@functools.cache
def synthetic_audit(
    kind: str = "memorizing",
    *,
    held_out: bool = True,
    samples: bool = True,
    pictures: bool = True,
    colour: bool = False,
    where: str = "digits",
    n_samples: int = 24,
    n_train: int = 48,
) -> AuditTables:
    """An audit's tables, as `denoscope.auditing` would leave them; deterministic."""
    memorizing = kind == "memorizing"
    data = digits()
    d = Denoisers(data[:n_train], 0.97 if memorizing else 0.06)
    others = data[1000 : 1000 + SHOWN] if held_out else None
    draw = np.random.default_rng(0)
    eps, latents = draw.standard_normal((SHOWN, 64)), draw.standard_normal((n_samples, 64))
    out: dict[str, list] = {"measurements": [], "values": [], "samples": []}
    arrays: dict[str, np.ndarray] = {}
    for sigma in LEVELS:
        _one_level(out, d, sigma, eps, others)
    if samples:
        control = data[1200:1240] if held_out else None
        ways, ends, nearest = _sampled(out, d, latents, control, where)
        for name in DENOISERS:
            arrays[f"sample/{name}"] = _u8(ends[name], colour)
            arrays[f"trajectory/{name}"] = _u8(np.stack(ways[name], 1)[:4], colour)
        arrays["sample/nearest"] = _u8(d.train[nearest], colour)
    if others is not None:
        clean = others[:3]
        noisy = np.stack([clean + sigma * eps[:3] for sigma in LEVELS], 1)
        arrays["denoise/clean"] = _u8(clean, colour)
        arrays["denoise/noisy"] = _u8(noisy, colour)
        for name in DENOISERS:
            f = getattr(d, name)
            answers = [f(noisy[:, i], sigma) for i, sigma in enumerate(LEVELS)]
            arrays[f"denoise/{name}"] = _u8(np.stack(answers, 1), colour)
    summary = _summary(memorizing, held_out, samples, where, n_train, colour)
    return AuditTables(
        measurements=out["measurements"],  # type: ignore[arg-type]
        values=out["values"],  # type: ignore[arg-type]
        samples=out["samples"],  # type: ignore[arg-type]
        pictures=arrays if pictures else {},
        summary=summary,
    )


def _summary(
    memorizing: bool, held_out: bool, samples: bool, where: str, n_train: int, colour: bool
) -> Summary:
    vote = "memorizing" if memorizing else "generalizing"
    reasons, headline, missing, warnings = [], {}, [], []
    if held_out:
        gap = (0.312, 0.287, 0.337) if memorizing else (0.004, -0.011, 0.019)
        text = (
            "Held-out pictures are denoised far worse than training pictures at sigma 1.5"
            if memorizing
            else "Held-out and training pictures are denoised equally well at every level"
        )
        reasons.append(
            Reason(signal="gap", vote=vote, text=text, value=gap[0], low=gap[1], high=gap[2])
        )
        headline["rmse_gap"] = Figure(
            value=gap[0], low=gap[1], high=gap[2], n=SHOWN, note="largest, at sigma 1.501"
        )
    else:
        missing.append("no held-out pictures: the gap and the controls could not be measured")
    if samples:
        ratio = (0.958, 0.875, 1.0) if memorizing else (0.0, 0.0, 0.083)
        reasons.append(
            Reason(
                signal="copies",
                vote=vote,
                text=f"{round(24 * ratio[0])} of 24 samples copy a training picture; "
                "no held-out picture comes as close to one",
                value=ratio[0],
                low=ratio[1],
                high=ratio[2],
            )
        )
        headline["memorization_ratio"] = Figure(
            value=ratio[0], low=ratio[1], high=ratio[2], n=24, note="d1/d2 below 1/3"
        )
        headline["gl_pixel"] = Figure(value=0.05 if memorizing else 0.52, low=0.04, high=0.56, n=24)
    else:
        missing.append("no samples were drawn: copies could not be looked for")
    reasons.append(
        Reason(
            signal="linearity",
            vote=vote if held_out else "none",
            text="The network is much less linear than the Gaussian denoiser at middle noise"
            if memorizing
            else "The network is almost as linear as the Gaussian denoiser",
            value=0.62 if memorizing else 0.04,
            low=0.56 if memorizing else 0.0,
            high=0.68 if memorizing else 0.08,
        )
    )
    headline["linearity_cosine"] = Figure(value=0.861, low=0.842, high=0.880, n=SHOWN)
    warnings.append("2 training pictures are in the training set twice (ids 17 and 33)")
    levels = [
        LevelNote(
            sigma=sigma,
            sigma_used=sigma,
            status="memorizing_evidence" if memorizing and 0.05 < sigma < 5 and held_out else "ok",
            note="held-out error above doing nothing" if memorizing and 0.05 < sigma < 5 else "",
        )
        for sigma in LEVELS
    ]
    label = "not_enough_evidence" if not (held_out or samples) else vote
    return Summary(
        verdict=Verdict(label=label, confidence=0.94, reasons=reasons),  # type: ignore[arg-type]
        headline=headline,
        warnings=warnings,
        levels=levels,
        provenance=Provenance(
            model=ModelNote(
                where="runs/digits-48",
                family="denoscope run",
                name="digits-48",
                hash="sha256:5f1c7b1d90",
                parameters=1_204_321,
            ),
            data=DataNote(
                where=where,
                name=where,
                fingerprint="b21c9a04e7",
                n_train=n_train,
                n_held_out=SHOWN if held_out else 0,
                split_seed=0,
                shape=(3 if colour else 1, 8, 8),
            ),
            seed=0,
            device="cpu",
            versions={"denoscope": "0.1.0", "torch": "2.13.0", "python": "3.11.9"},
            command=["denoscope", "audit", "runs/digits-48", "--data", where, "--split", "48"],
            created="2026-01-05T12:00:00+00:00",
            wall_seconds=41.3,
            network_seconds=35.9,
            citations=[
                "T. Karras et al., Elucidating the Design Space of Diffusion, NeurIPS 2022."
            ],
            missing_evidence=missing,
        ),
    )
