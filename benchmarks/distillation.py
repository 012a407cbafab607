"""Linear distillation: exact least squares against 100 epochs of tuned Adam, on 1,000 pictures.

    python benchmarks/distillation.py                       # mnist16, trained first where it is missing
    python benchmarks/distillation.py --run RUN [--levels 21.1,4.07,0.47] [--data DATA]
    python benchmarks/distillation.py --times [--run RUN] [--levels ...]   # time again what is there
    python benchmarks/distillation.py --page                               # its tables, from what is there

Both fit D_L to the same network on the same 1,000 held-out pictures and are scored on others that
neither saw, with the same noise, so that the difference is paired. Adam is the paper's recipe (batches
of 256, 100 epochs of fresh noise: 100,000 evaluations of the network a level); its rate is the best on
validation pictures out of a grid, the paper's own among them, all trained on the same answers. Least
squares may spend 2,000, those on validation pictures included. It is drawn to the Gaussian of the
network's training set; and, told apart, to that of the 1,000 pictures alone, which is all that Adam knows.

Times are processor seconds, measured in turn: least squares whole, then TIMED epochs of Adam at the tuned
rate alone, then at the whole grid of rates, then least squares again, of whose two the mean is kept; Adam's
are extrapolated in proportion, as its epochs are alike. Its error is compared at every tenth epoch: where no
rate comes down to that of least squares, the time is that of all epochs, for an error that is larger.
Seconds inside the network are told apart; no way to the same evaluations takes less. What is paid once for
all levels, the two Gaussians' eigenvalue problems, is the result's `setting_seconds`.

Written to benchmarks/results/distillation-RUN.json after each level; a level that is there, of the same
network, is not done again; --times may be of another network of the same kind. --answers keeps the
network's answers, so that a level that was cut off goes on; --times does not take them.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from answers import KeptAnswers
from cells import Cell, train_cell
from comparing import PAGE, RESULTS, machine
from doc_blocks import fill_block, markdown_table
from torch import Tensor

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

PICTURES, BUDGET, EPOCHS, TIMED = 1000, 2000, 100, 5
OWN = Cell("mnist-5k", 16, 3000, width=16, multipliers=(1, 2), kimg=24, precision="fp32")
RUNS, LEVELS = RESULTS.parent.parent / "runs" / "benchmarks", "21.1,4.07,0.47"
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


class Clocked:
    """The same denoiser; `seconds` of processor time are spent in it."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser, self.spec, self.seconds = denoiser, denoiser.spec, 0.0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        started = time.process_time()
        answer = self.denoiser(x, sigma)
        self.seconds += time.process_time() - started
        return answer


def times_of(
    network: Denoiser, sigma: float, setting: Setting, rates: list[float], tuned: float
) -> dict[str, Any]:
    """Processor seconds of a level each way, and of these the network's."""
    told: dict[str, Any] = {"epochs_timed": TIMED}

    def ours() -> list[float]:
        clocked = Clocked(network)
        started = time.process_time()
        told["score"] = distill_level(clocked, sigma, setting, budget=BUDGET).score.value
        return [time.process_time() - started, clocked.seconds]

    first = ours()
    for name, several in (("adam_tuned_rate", [tuned]), ("adam_all_rates", rates)):
        clocked = Clocked(network)
        steps = descend(clocked, sigma, setting, rates=several, epochs=TIMED, every=TIMED)
        next(steps)  # at the start: pictures to validate and to score were asked
        started, before = time.process_time(), clocked.seconds
        next(steps)
        spent = time.process_time() - started, clocked.seconds - before
        told[name] = [EPOCHS / TIMED * seconds for seconds in spent]
    told["least_squares"] = [(a + b) / 2 for a, b in zip(first, ours(), strict=True)]
    for name in ("adam_tuned_rate", "adam_all_rates"):
        told[f"{name}_ratio"] = round(told[name][0] / told["least_squares"][0], 1)
    return told


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
        f"{row['evaluations_ratio']:.0f} x fewer evaluations; "
        f"{row['times']['adam_tuned_rate_ratio']} x less time than at the tuned rate alone, "
        f"{row['times']['adam_all_rates_ratio']} x than at all"
    )


def page_text(results: list[dict[str, Any]]) -> str:
    """The table of the page, and what it says in a sentence for each network."""
    head = ["network", "sigma", "least squares", "of the 1,000 alone", "Adam", "difference"]
    head += ["Adam's rate", "evaluations", "Adam as good"]
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
            reached = first_as_good(row)
            rows[-1] += [f"{spent[0]:,} : {spent[1]:,}", f"epoch {reached}" if reached else "never"]
        better = sum(row["difference"]["training"]["value"] <= 0 for row in result["rows"])
        words.append(f"{name}: no worse at {better} of {len(result['rows'])} levels.")
    return markdown_table(head, rows) + "\n\n" + " ".join(words) + "\n\n" + times_text(results)


def first_as_good(row: dict[str, Any]) -> int | None:
    """The first epoch looked at by which some rate's unseen error is no larger than ours."""
    ours = row["least_squares_training"]["score"]["value"]
    rates = list(row["adam"]["rates"].values())
    looked = len(rates[0]) - 1
    good = (at for at in range(looked + 1) if min(rate[at] for rate in rates) <= ours)
    found = next(good, None)
    return None if found is None else found * row["adam"]["tuned"]["epochs"] // looked


def times_text(results: list[dict[str, Any]]) -> str:
    """The table of times, of the levels that were timed in turn."""
    head = ["network", "sigma", "least squares, s", "over the network's"]
    head += ["Adam at the tuned rate, s", "times as long", "Adam at all rates, s", "times as long"]
    head += ["measured on"]
    rows = []
    for result in results:
        for row in result["rows"]:
            if told := row.get("times"):
                cells = [
                    result["model"]["where"],
                    f"{row['sigma']:.4g}",
                    _seconds(told["least_squares"]),
                    f"{told['least_squares'][0] / told['least_squares'][1]:.3g}",
                ]
                for name in ("adam_tuned_rate", "adam_all_rates"):
                    cells += [_seconds(told[name]), f"{told[f'{name}_ratio']:.3g}"]
                where = told.get("machine", result["machine"] | {"when": told.get("when", "")})
                rows.append([*cells, f"{where['cpu']}, {where['when'][:10]}"])
    return markdown_table(head, rows) if rows else ""


def fill_page(page: Path, results: Path) -> None:
    """The page's tables, from all there is."""
    files = sorted(results.glob("distillation-*.json"))
    fill_block(page, "distillation", page_text([json.loads(f.read_text()) for f in files]))


def _seconds(pair: list[float]) -> str:
    whole, network = (f"{one:,.0f}" if one >= 10 else f"{one:.2g}" for one in pair)
    return f"{whole} ({network})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", help="a run of ours with held-out pictures")
    parser.add_argument("--times", action="store_true", help="time the levels there are again")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--page", action="store_true", help="only draw the page from the results")
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
    torch.set_num_threads(words.threads)
    if words.page:
        fill_page(PAGE, words.out)
        return
    if words.run is None:
        words.run = str(train_cell(OWN, RUNS / "mnist16"))
        words.levels = words.levels or LEVELS
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
    before = json.loads(path.read_text()) if path.is_file() else {"model": None, "rows": []}
    same = {"where": name, "hash": model.content_hash, "d": train.floats([0]).numel()}
    rows = before["rows"] if words.times or before["model"] == same else []
    if words.times and not words.levels:
        levels = [row["sigma"] for row in rows]
    splits = divided(held_out)
    started = time.process_time()
    settings = {"training": Setting.of(splits, GaussianDenoiser.fit(train))}
    once = time.process_time() - started
    settings["alone"] = Setting.of(splits)
    network = KeptAnswers(model.denoiser, words.answers) if words.answers else model.denoiser
    print("   sigma  ours     alone    Adam                  ours less Adam", flush=True)
    for sigma in levels:
        done = [row for row in rows if row["sigma"] == sigma]
        if words.times or not done:
            if not done:
                rates = tuple(sorted({*map(float, words.rates.split(",")), paper_rate(sigma)}))
                rows = sorted([*rows, of_level(network, sigma, settings, rates)], key=_falling)
            row = next(row for row in rows if row["sigma"] == sigma)
            grid, tuned = [float(rate) for rate in row["adam"]["rates"]], row["adam"]["tuned"]
            row["times"] = times_of(
                model.denoiser, sigma, settings["training"], grid, tuned["rate"]
            )
            row["times"] |= {"machine": machine(), "network": model.content_hash}
            result = {
                "claim": f"no worse on unseen pictures than {EPOCHS} epochs of tuned Adam on "
                f"{PICTURES} pictures, with a fiftieth of the network's evaluations",
                "holds": all(row["difference"]["training"]["value"] <= 0 for row in rows),
                "model": (before["model"] or same) if words.times else same,
                "pictures": {
                    part: len(getattr(splits, part)) for part in ("fit", "validation", "score")
                },
                "setting_seconds": round(once, 2),
                "machine": before.get("machine", machine()) if words.times else machine(),
                "rows": rows,
            }
            write_file(path, (json.dumps(result, indent=1) + "\n").encode())
            done = [row for row in rows if row["sigma"] == sigma]
        print(told(done[0]), flush=True)
    if words.out == RESULTS:
        fill_page(PAGE, RESULTS)


def _falling(row: dict[str, Any]) -> float:
    return -row["sigma"]


if __name__ == "__main__":
    main()
