"""A ladder made up so that every measure is known: three networks, two seeds, one snapshot each."""

import json
from pathlib import Path

import polars as pl

LEVELS = (80.0, 4.0, 0.5, 0.002)
VERDICTS = {4: "memorizing", 64: "transitional", 1024: "generalizing"}


def level_of(n: int, seed: int) -> float:
    """0 for the smallest N, 1 for the largest, moved a little by the seed."""
    return {4: 0.1, 64: 0.5, 1024: 0.9}[n] + 0.01 * seed


def write_ladder(folder: Path, *, snapshots: bool = True) -> Path:
    """linearity 0.8 + 0.2 level at sigma 4; distance to the Gaussian 1 - level there; GL level against
    a control of 2; memorization ratio 1 - level; at the lowest sigma a distance of 0.3 (1 - level)."""
    rows, cells = [], []
    for n, verdict in VERDICTS.items():
        for seed in (0, 1):
            rows += _rows(f"N={n}", seed, level_of(n, seed))
            cells.append(_cell(f"N={n}", n, 40.0, True, seed, verdict, level_of(n, seed)))
        if snapshots:
            rows += _rows(f"N={n} at 10 kimg", 0, 0.95)
            cells.append(_cell(f"N={n} at 10 kimg", n, 10.0, False, 0, "generalizing", 0.95))
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame.write_parquet(folder / "measurements.parquet")
    note = {"data": "made up", "side": 8, "channels": 1, "arch": "ddpmpp", "width": 4}
    note |= {
        "multipliers": [1],
        "kimg": 40,
        "batch": 8,
        "learning_rate": 0.001,
        "precision": "fp32",
    }
    content = {"schema_version": 1, "networks": {f"N={n}": note for n in VERDICTS}, "cells": cells}
    content["linearity_steps"] = []
    (folder / "verdicts.json").write_text(json.dumps(content))
    return folder


def _rows(cell: str, seed: int, level: float) -> list[dict]:
    base = {"cell": cell, "seed": seed, "se": 0.001, "n": 10, "reference": "", "param": None}

    def row(metric: str, mean: float, **keys: object) -> dict:
        sigma = keys.get("sigma")
        return {**base, "metric": metric, "mean": mean, "sigma_used": sigma, "sigma": sigma, **keys}

    rows = []
    for sigma in LEVELS:
        dip = 1.0 if sigma == 4 else 0.0
        for inputs in ("held_out", "noise"):
            keys = {"sigma": sigma, "inputs": inputs, "param": 0.5**0.5}
            score = 1 - dip * 0.2 * (1 - level)
            rows.append(row("linearity_cosine", score, denoiser="network", **keys))
            rows.append(row("linearity_norm_ratio", dip * (1 - level), denoiser="network", **keys))
            rows.append(row("linearity_cosine", 0.995, denoiser="gaussian", **keys))
        for inputs in ("held_out", "noise", "train"):
            keys = {"sigma": sigma, "inputs": inputs, "denoiser": "network"}
            far = 0.0 if inputs == "train" else 0.3 * (1 - level) if sigma < 0.1 else 1 - level
            rows.append(row("score_error", far, **(keys | {"reference": "gaussian"})))
            rows.append(row("score_error", level, **(keys | {"reference": "multi_delta"})))
    for denoiser, inputs, gl, copied in (
        ("network", "noise", level, 1 - level),
        ("gaussian", "noise", 2.1, 0.0),
        ("", "held_out", 2.0, 0.0),
    ):
        keys = {"denoiser": denoiser, "inputs": inputs}
        rows.append(row("gl_pixel", gl, **keys))
        rows.append(row("memorization_ratio", copied, **keys))
    return rows


def _cell(
    cell: str, n: int, kimg: float, finished: bool, seed: int, verdict: str, level: float
) -> dict:
    value = {"value": 1 - level, "low": 0.9 - level, "high": 1.1 - level, "vote": verdict}
    return {
        "cell": cell,
        "n": n,
        "kimg": kimg,
        "finished": finished,
        "seed": seed,
        "verdict": verdict,
        "confidence": 0.8,
        "signals": {"copies": value, "gap": value},
        "headline": {"memorization_ratio_control": {"value": 0.0}},
    }
