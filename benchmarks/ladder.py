"""A ladder: one network trained on N pictures for several N, audited with three sampling seeds each.

    python benchmarks/ladder.py --runs 'runs/fashion-{n}' --data fashion-mnist --size 16 \\
        --images 16,64,256,1024,4096,16384 --out docs/studies/fashion-mnist-16
    python benchmarks/ladder.py --out docs/studies/fashion-mnist-16      # redraw from the tables

Writes measurements.parquet, verdicts.json, claims.json, table.md and figures/ into --out, and the block of
that name in docs/gallery.md. The claims are the paper's (Li et al. 2024, Figs 1, 6, 13): along the ladder these
measures move with N and with each other; Spearman's rho says how surely, seed by seed.
"""

import argparse
import itertools
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cells import Cell, audit_cell, train_cell
from doc_blocks import fill_block
from ladder_page import told
from PIL import Image

from denoscope.auditing import Audit
from denoscope.metrics import spearman
from denoscope.report.ladder import INTERMEDIATE, Ladder, read_ladder
from denoscope.report.ladder_charts import write_ladder_figures
from denoscope.tables import Verdict, write_file
from denoscope.training import RunRecord

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "docs" / "studies" / "fashion-mnist-16"
HOLDS = 0.9
LEFT = 1.02  # the distance has risen again: by more than this factor over its lowest
KEPT = (
    *("linearity_cosine", "linearity_norm_ratio", "score_error", "gl_pixel", "memorization_ratio"),
    *("rmse", "rmse_gap", "toward_multi_delta", "effective_pictures"),
)
# measure -> (sign of its correlation with N, figure of the paper, words)
EXPECTED = {
    "linearity_held_out": (1, "Figs 1 and 13", "lowest linearity score, held-out inputs"),
    "linearity_noise": (1, "Figs 1 and 13", "lowest linearity score, noise alone"),
    "linearity_norm_ratio": (
        -1,
        "Fig. 13",
        "largest linearity norm ratio (eq. 12), held-out inputs",
    ),
    "distance_to_gaussian": (-1, "Fig. 6", "mean distance to the Gaussian, held-out inputs"),
    "gl": (1, "Fig. 13", "GL of samples"),
    "gl_over_control": (1, "Fig. 13", "GL of samples over that of held-out pictures"),
    "memorization_ratio": (-1, "Figs 6 and 12", "memorization ratio"),
    "low_noise_distance": (
        -1,
        "Fig. 16",
        "distance to the Gaussian at the lowest level, held-out inputs",
    ),
}
TOGETHER = (
    *("linearity_held_out", "linearity_norm_ratio", "distance_to_gaussian"),
    *("gl_over_control", "memorization_ratio"),
)


def collect(words: argparse.Namespace) -> None:
    """Train and audit what is missing; write the tables of the study."""
    frames, verdicts, networks, scores = [], [], {}, []
    for n in words.images:
        folder = Path(str(words.runs).format(n=n))
        if not (folder / "weights.safetensors").is_file():
            if words.no_train:
                print(f"N={n}: {folder} is not finished, left out", flush=True)
                continue
            train_cell(_cell(words, n), folder)
        record = RunRecord.read(folder / "run.json")
        if record.data.n != n:
            raise SystemExit(f"{folder} was trained on {record.data.n} pictures, not on {n}")
        networks[f"N={n}"] = _network_note(record)
        snapshots = sorted((folder / "snapshots").glob("*.safetensors"))
        for model in [folder, *snapshots]:
            finished = model is folder
            kimg = record.settings.kimg if finished else int(model.stem) / 1000
            cell = f"N={n}" if finished else f"N={n} at {kimg:g} kimg"
            seeds = words.seeds if finished else words.seeds[:1]
            print(f"{cell} ...", flush=True)
            for seed, found in audit_cell(
                model, seeds, pictures=words.audited, beyond=words.beyond, again=words.again
            ).items():
                rows = found.table.filter(pl.col("metric").is_in(KEPT))
                frames.append(rows.with_columns(cell=pl.lit(cell)))
                if finished:
                    scores.append(_scores(found).with_columns(n=pl.lit(n)))
                verdicts.append(_verdict_row(cell, n, kimg, finished, seed, found))
            if finished and words.pictures:
                first = f"weights-beyond-{words.beyond}-seed-{words.seeds[0]}"
                networks[f"N={n}"]["pictures"] = str(folder / "audits" / first)
    if not frames:
        raise SystemExit("no finished network: give --runs with {n}, or leave out --no-train")
    if words.pictures:
        write_file(words.out / "figures" / "fig-12-samples.png", _samples(networks))
    for note in networks.values():
        note.pop("pictures", None)
    pl.concat(frames).write_parquet(_made(words.out) / "measurements.parquet", compression_level=19)
    content = {"schema_version": 1, "networks": networks, "cells": verdicts}
    content["linearity_steps"] = linearity_steps(pl.concat(scores))
    write_file(words.out / "verdicts.json", _json(content))


def _scores(found: Audit) -> pl.DataFrame:
    """Linearity scores of the network, pair by pair, on held-out inputs at intermediate levels."""
    values = found.tables.values.filter(
        pl.col("sigma_used").is_between(*INTERMEDIATE),
        metric="linearity_cosine",
        denoiser="network",
        inputs="held_out",
    )
    return values.select("seed", "sigma", "picture", "value")


def linearity_steps(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """From each N to the next: the paired difference of the linearity score, with its error.

    At the level where the score is lowest over all networks. Pairs of pictures and their noise are
    the same for all N of one seed. scores: n, seed, sigma, picture, value.
    """
    lowest = scores.group_by("sigma").agg(pl.col("value").mean()).sort("value")["sigma"][0]
    at = scores.filter(sigma=lowest)
    images = at["n"].unique().sort().to_list()
    steps = []
    for one, two in itertools.pairwise(images):
        both = at.filter(n=one).join(at.filter(n=two), on=["seed", "picture"], suffix="_two")
        if not len(both):
            continue
        gain = (both["value_two"] - both["value"]).to_list()
        step = difference_of_pairs(gain)
        steps.append({"from": one, "to": two, "sigma": lowest, "pairs": len(both)} | step)
    return steps


def difference_of_pairs(gain: list[float]) -> dict[str, Any]:
    """Mean and its standard error; `sure`: beyond two standard errors from 0."""
    mean = statistics.fmean(gain)
    se = statistics.stdev(gain) / len(gain) ** 0.5 if len(gain) > 1 else float("inf")
    return {"difference": round(mean, 5), "se": round(se, 5), "sure": abs(mean) > 2 * se}


def _cell(words: argparse.Namespace, n: int) -> Cell:
    base = Cell(words.data, words.size, n, width=words.width, kimg=words.kimg, batch=words.batch)
    return replace(base, multipliers=words.multipliers, snapshots=words.snapshots)


def _network_note(record: RunRecord) -> dict[str, Any]:
    settings, data = record.settings, record.data
    return {
        "data": Path(data.name).stem,  # a file's place is nobody's business
        "fingerprint": data.fingerprint[:16],
        "side": settings.network.shape[-1],
        "channels": settings.network.shape[0],
        "split_seed": data.split_seed,
        "arch": settings.network.arch,
        "width": settings.network.width,
        "multipliers": list(settings.network.multipliers),
        "kimg": settings.kimg,
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "precision": settings.precision,
    }


def _verdict_row(
    cell: str, n: int, kimg: float, finished: bool, seed: int, found: Audit
) -> dict[str, Any]:
    verdict: Verdict = found.verdict
    headline = found.tables.summary.headline
    return {
        "cell": cell,
        "n": n,
        "kimg": kimg,
        "finished": finished,
        "seed": seed,
        "verdict": verdict.label,
        "confidence": round(verdict.confidence, 4),
        "signals": {
            one.signal: {"value": one.value, "low": one.low, "high": one.high, "vote": one.vote}
            for one in verdict.reasons
            if one.value is not None
        },
        "headline": {
            name: {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
            for name, one in headline.items()
            if not name.startswith("signal_")
        },
    }


def claims(folder: Path) -> dict[str, Any]:
    """Which of the paper's claims hold on the tables in `folder`, with every figure behind them."""
    ladder = read_ladder(folder)
    rows = ladder.measures().filter("finished").sort("n")
    images = rows["n"].unique().sort().to_list()
    seeds = rows["seed"].unique().sort().to_list()

    def column(measure: str, seed: int) -> list[float]:
        return rows.filter(measure=measure, seed=seed)["mean"].to_list()

    def judged(sign: int, rhos: dict[str, float | None]) -> dict[str, Any]:
        known = [rho for rho in rhos.values() if rho is not None]
        holds = len(known) == len(seeds) and all(sign * rho >= HOLDS for rho in known)
        return {"expected_sign": sign, "rho": rhos, "holds": holds}

    along = []
    for measure, (sign, figure, words) in EXPECTED.items():
        values = {str(seed): column(measure, seed) for seed in seeds}
        rhos = {seed: _rho([float(n) for n in images], some) for seed, some in values.items()}
        along.append({"measure": measure, "words": words, "paper": figure, "values": values})
        along[-1] |= judged(sign, rhos)
    together = []
    for one, two in itertools.combinations(TOGETHER, 2):
        rhos = {str(seed): _rho(column(one, seed), column(two, seed)) for seed in seeds}
        together.append({"pair": [one, two]} | judged(EXPECTED[one][0] * EXPECTED[two][0], rhos))
    finished = ladder.cells.filter("finished").sort("n")
    ranks = {"memorizing": 0, "transitional": 1, "generalizing": 2}
    order = {
        str(seed): finished.filter(seed=seed).select("n", "verdict", "confidence").rows()
        for seed in seeds
    }
    ordered = all(
        [label for _, label, _ in some]
        == sorted((v for _, v, _ in some), key=lambda v: ranks.get(v, 9))
        and {some[0][1], some[-1][1]} == {"memorizing", "generalizing"}
        for some in order.values()
    )
    return {
        "images": images,
        "seeds": seeds,
        "holds_at": HOLDS,
        "along_n": along,
        "together": together,
        "verdicts": order,
        "verdicts_in_order": ordered,
        "training_length": _training_length(ladder),
        "linearity_steps": json.loads((folder / "verdicts.json").read_text())["linearity_steps"],
    }


def _training_length(ladder: Ladder) -> dict[str, Any] | None:
    """Fig. 8: does a memorizing network near the Gaussian first, and leave it again? First seed."""
    rows = ladder.measures().sort("n", "kimg")
    rows = rows.filter(pl.col("seed") == pl.col("seed").min())
    if rows["finished"].all():
        return None
    labels = dict(ladder.finished().select("n", "verdict").rows())
    curves = []
    for n in rows["n"].unique().sort().to_list():
        some = rows.filter(n=n)
        near = some.filter(measure="distance_to_gaussian")
        curve = {"n": n, "verdict": labels[n], "kimg": near["kimg"].to_list()}
        curve |= {"distance_to_gaussian": near["mean"].to_list()}
        curve |= {"memorization_ratio": some.filter(measure="memorization_ratio")["mean"].to_list()}
        left = near["mean"][-1] > LEFT * near["mean"].min()
        nearest = curve["kimg"][near["mean"].arg_min()]
        curves.append(curve | {"nearest_at_kimg": nearest, "left_again": left})
    turned = [c["left_again"] for c in curves if c["verdict"] == "memorizing"]
    return {"curves": curves, "holds": bool(turned) and all(turned)}


def _rho(one: list[float], two: list[float]) -> float | None:
    """Spearman's rho, or None where a side is constant or there is one cell."""
    if len(one) < 2 or len(one) != len(two):
        return None
    rho = spearman(one, two)
    return None if rho != rho else round(rho, 4)


def _samples(networks: dict[str, dict[str, Any]], count: int = 12, side: int = 48) -> bytes:
    """Fig. 12: for each N a row of samples, and below each its nearest training picture."""
    import io

    strips = []
    for note in networks.values():
        pictures = Audit.load(note["pictures"]).tables.pictures
        for key in ("sample/network", "sample/nearest"):
            row = pictures[key][:count].transpose(0, 2, 3, 1)
            scale = max(1, side // row.shape[1])
            large = row.repeat(scale, axis=1).repeat(scale, axis=2)
            framed = np.pad(large, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
            strips.append(np.concatenate(list(framed), axis=1))
        strips.append(np.full((8, *strips[-1].shape[1:]), 255, dtype=np.uint8))
    whole = np.concatenate(strips[:-1])
    image = Image.fromarray(whole[..., 0] if whole.shape[-1] == 1 else whole)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=STUDY)
    parser.add_argument(
        "--runs", help="run folders, {n} standing for N; without it: redraw from tables"
    )
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--size", type=int)
    parser.add_argument("--images", type=_numbers, default=[16, 64, 256, 1024, 4096, 16384])
    parser.add_argument(
        "--beyond", type=int, help="held-out pictures lie outside so many (largest N)"
    )
    parser.add_argument("--audited", type=int, default=400, help="pictures denoised in an audit")
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2])
    parser.add_argument(
        "--no-train", action="store_true", help="leave out runs that are not finished"
    )
    parser.add_argument(
        "--again", action="store_true", help="audit anew, as after a change of the rule"
    )
    parser.add_argument(
        "--pictures", action="store_true", help="also a grid of samples; not for faces"
    )
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--multipliers", type=lambda t: tuple(_numbers(t)), default=(1, 2, 2))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--kimg", type=float, default=192)
    parser.add_argument(
        "--snapshots", type=lambda t: tuple(map(float, t.split(","))), default=(24, 48, 96)
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "gallery.md")
    words = parser.parse_args()
    words.beyond = words.beyond or max(words.images)
    if words.runs:
        collect(words)
    elif not (words.out / "verdicts.json").is_file():
        raise SystemExit(f"{words.out} holds no study: give --runs to make one")
    found = claims(words.out)
    write_file(words.out / "claims.json", _json(found))
    for path in write_ladder_figures(words.out):
        print(path)
    text = told(words.out, found)  # after the figures: it shows those that are there
    fill_block(words.page, words.out.name, text)
    print(text)


if __name__ == "__main__":
    main()
