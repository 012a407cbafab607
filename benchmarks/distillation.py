"""Linear distillation: exact least squares against 100 epochs of tuned Adam, on 1,000 pictures.

    python benchmarks/distillation.py --run RUN [--levels 21.1,4.07,0.47] [--data DATA]
    python benchmarks/distillation.py --page docs/how-to/distill.md     # fill its table from what is there

Both fit D_L to the same network on the same 1,000 held-out pictures and are scored on others that
neither saw, with the same noise, so that the difference is paired. Adam is the paper's recipe (batches
of 256, 100 epochs of fresh noise: 100,000 evaluations of the network a level); its rate is the best on
validation pictures out of a grid, the paper's own among them, all trained on the same answers. Least
squares may spend 2,000, those on validation pictures included. It is drawn to the Gaussian of the
network's training set; and, told apart, to that of the 1,000 pictures alone, which is all that Adam knows.

Written to benchmarks/results/distillation-RUN.json after each level; a level that is there is not done
again. --answers keeps the network's answers, so that a level that was cut off goes on.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from answers import KeptAnswers
from audit_share import RESULTS, machine
from doc_blocks import fill_block, markdown_table

from denoscope.checkpoints import describe_model
from denoscope.closed_form import GaussianDenoiser
from denoscope.denoiser import Denoiser
from denoscope.distillation import Epoch, Setting, Splits, descend, distill_level, paper_rate
from denoscope.distillation.shrinkage import LinearMap
from denoscope.distillation.teacher import Teacher
from denoscope.distillation.unseen import Unseen
from denoscope.images import Pictures, open_images
from denoscope.metrics import Estimate, paired_difference
from denoscope.noise import karras_levels
from denoscope.tables import write_file

PICTURES, BUDGET, EPOCHS = 1000, 2000, 100
RATES = (5e-4, 1.5e-3, 5e-3, 1.5e-2, 5e-2, 1.5e-1, 5e-1, 1.5)


def divided(held_out: Pictures) -> Splits:
    """1,000 pictures to fit; of the rest up to 200 to validate and up to 1,000 to score."""
    rest = len(held_out) - PICTURES
    steer = min(200, rest // 3)
    return Splits(
        held_out.take(range(PICTURES)),
        held_out.take(range(PICTURES, PICTURES + steer)),
        held_out.take(range(PICTURES + steer, min(len(held_out), PICTURES + steer + 1000))),
    )


def of_level(
    network: Denoiser, sigma: float, settings: dict[str, Setting], rates: tuple[float, ...]
) -> dict[str, Any]:
    """One row: both of ours, Adam tuned, and the paired difference of their unseen errors."""
    splits = settings["training"].splits
    judge = Unseen.ask(Teacher(network, sigma), splits.score, "score")
    row: dict[str, Any] = {"sigma": sigma}
    errors = {}
    for name, setting in settings.items():
        started = time.process_time()
        fit = distill_level(network, sigma, setting, budget=BUDGET)
        errors[name] = judge.errors(LinearMap(fit.matrix, fit.bias, fit.error, 0.0))
        row[f"least_squares_{name}"] = {
            "score": asdict(fit.score),
            "gaussian_score": asdict(fit.gaussian_score),
            "weight_difference": fit.weight_difference,
            "symmetry_defect": fit.symmetry_defect,
            "weight_error": fit.error,
            "evaluations": fit.evaluations,
            "stopped": fit.stopped,
            "validation": fit.validation,
            "processor_seconds": round(time.process_time() - started, 1),
        }
    started = time.process_time()
    epochs = [*descend(network, sigma, settings["training"], rates=rates, epochs=EPOCHS, every=10)]
    row["adam"] = adam_told(epochs, paper_rate(sigma))
    row["adam"]["processor_seconds"] = round(time.process_time() - started, 1)
    tuned = min(epochs[-1], key=lambda one: one.validation.value)
    row["difference"] = {  # ours less Adam's: below 0 ours is better
        name: asdict(paired_difference(ours, tuned.errors)) for name, ours in errors.items()
    }
    row["ratio"] = {name: float(ours.mean() / tuned.errors.mean()) for name, ours in errors.items()}
    row["evaluations_ratio"] = tuned.evaluations / row["least_squares_training"]["evaluations"]
    return row


def adam_told(epochs: list[list[Epoch]], paper: float) -> dict[str, Any]:
    """Every rate along the epochs; the tuned one; and the best that stopping early could have given."""
    last = epochs[-1]
    tuned = min(last, key=lambda one: one.validation.value)
    early = min((one for epoch in epochs for one in epoch), key=lambda one: one.validation.value)
    return {
        "tuned": _told(tuned),
        "stopped_early": _told(early),
        "paper": _told(next(one for one in last if one.rate == paper)),
        "evaluations": tuned.evaluations,
        "rates": {
            f"{rate:g}": [
                round(one.score.value, 6) for epoch in epochs for one in epoch if one.rate == rate
            ]
            for rate in (one.rate for one in last)
        },
    }


def _told(one: Epoch) -> dict[str, Any]:
    return {
        "rate": one.rate,
        "epochs": one.number,
        "score": asdict(one.score),
        "weight_difference": one.weight_difference,
        "symmetry_defect": one.symmetry_defect,
    }


def told(row: dict[str, Any]) -> str:
    """A line of the printed table."""
    ours, alone = (row[f"least_squares_{name}"]["score"]["value"] for name in ("training", "alone"))
    adam, gap = row["adam"]["tuned"], Estimate(**row["difference"]["training"])
    return (
        f"{row['sigma']:>8.4g}  {ours:.5f}  {alone:.5f}  {adam['score']['value']:.5f} "
        f"(rate {adam['rate']:g})  {gap.value:+.5f} +- {gap.se:.5f}  "
        f"{row['evaluations_ratio']:.0f} x fewer evaluations"
    )


def page_text(results: list[dict[str, Any]]) -> str:
    """The table of the page, and what it says in a sentence for each network."""
    head = ["network", "sigma", "least squares", "of the 1,000 alone", "Adam", "difference"]
    head += ["Adam's rate", "evaluations"]
    rows, words = [], []
    for result in results:
        name, d = result["model"]["where"], result["model"]["d"]
        for row in result["rows"]:
            ours = [row[f"least_squares_{of}"]["score"]["value"] for of in ("training", "alone")]
            adam, gap = row["adam"]["tuned"], Estimate(**row["difference"]["training"])
            spent = row["least_squares_training"]["evaluations"], row["adam"]["evaluations"]
            numbers = [f"{value:.4g}" for value in (*ours, adam["score"]["value"])]
            numbers += [f"{gap.value:.2g} ± {gap.se:.1g}", f"{adam['rate']:g}"]
            rows.append([f"{name}, d = {d}", f"{row['sigma']:.4g}", *numbers])
            rows[-1].append(f"{spent[0]:,} : {spent[1]:,}")
        better = sum(row["difference"]["training"]["value"] <= 0 for row in result["rows"])
        words.append(f"{name}: no worse at {better} of {len(result['rows'])} levels.")
    return markdown_table(head, rows) + "\n\n" + " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", help="a run of ours with held-out pictures")
    parser.add_argument("--page", type=Path, help="fill this page's table from the results")
    parser.add_argument("--data", help="its pictures, where they have moved")
    parser.add_argument("--levels", help="sigmas with commas; the ten of an audit without")
    parser.add_argument(
        "--rates",
        default=",".join(f"{rate:g}" for rate in RATES),
        help="Adam's, beside the paper's",
    )
    parser.add_argument("--answers", type=Path, help="where the network's answers are kept")
    parser.add_argument("--out", type=Path, default=RESULTS)
    words = parser.parse_args()
    if words.page:
        files = sorted(words.out.glob("distillation-*.json"))
        fill_block(
            words.page, "distillation", page_text([json.loads(f.read_text()) for f in files])
        )
    if words.run is None:
        return
    model = describe_model(words.run)
    if model.record is None:
        raise SystemExit(f"{words.run} brings no record of its data: give a run of ours")
    data = model.record.data
    train, held_out = data.split(open_images(words.data or data.where, size=data.size))
    if len(held_out) < PICTURES + 60:
        raise SystemExit(f"{len(held_out)} held-out pictures: {PICTURES + 60} or more are needed")
    asked = [float(word) for word in words.levels.split(",")] if words.levels else None
    levels = karras_levels(10).tolist()
    levels = levels if asked is None else [min(levels, key=lambda s: abs(s - a)) for a in asked]

    name = Path(words.run.removeprefix("bundled:")).name
    path = words.out / f"distillation-{name}.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    splits = divided(held_out)
    settings = {
        "training": Setting.of(splits, GaussianDenoiser.fit(train)),
        "alone": Setting.of(splits),
    }
    network = KeptAnswers(model.denoiser, words.answers) if words.answers else model.denoiser
    print("   sigma  ours     alone    Adam                  ours less Adam", flush=True)
    for sigma in levels:
        done = [row for row in rows if row["sigma"] == sigma]
        if not done:
            rates = tuple(sorted({*map(float, words.rates.split(",")), paper_rate(sigma)}))
            rows = sorted([*rows, of_level(network, sigma, settings, rates)], key=_falling)
            result = {
                "claim": f"no worse on unseen pictures than {EPOCHS} epochs of tuned Adam on "
                f"{PICTURES} pictures, with a fiftieth of the network's evaluations",
                "holds": all(row["difference"]["training"]["value"] <= 0 for row in rows),
                "model": {
                    "where": name,
                    "hash": model.content_hash,
                    "d": train.floats([0]).numel(),
                },
                "pictures": {
                    part: len(getattr(splits, part)) for part in ("fit", "validation", "score")
                },
                "machine": machine(),
                "rows": rows,
            }
            write_file(path, (json.dumps(result, indent=1) + "\n").encode())
            done = [row for row in rows if row["sigma"] == sigma]
        print(told(done[0]), flush=True)


def _falling(row: dict[str, Any]) -> float:
    return -row["sigma"]


if __name__ == "__main__":
    main()
