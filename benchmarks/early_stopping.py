"""Stopped before memorization: a training under --stop-when memorizing beside its unstopped twin.

    python benchmarks/early_stopping.py --runs runs/early-stopping [--twin-run RUN]
    python benchmarks/early_stopping.py      # redraw chart and page from what is kept

Both train one network, far too large for 64 pictures of Fashion-MNIST at 16x16, with the same seed; one is
watched. The stopped model must be called generalizing, the twin memorizing, by audits of three seeds each,
which share no noise with the looks. The twin's snapshots are looked at too, to show what lies beyond the
stop. Everything is kept in docs/studies/early-stopping, and the block of that name of the how-to is filled.
What is there is not done twice: it can be stopped at any moment. Half an hour of one core in all.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cells import Cell, audit_cell, opened
from doc_blocks import fill_block, markdown_table

from denoscope.auditing import Audit, MemorizationWatch, train_watched
from denoscope.checkpoints import open_denoiser
from denoscope.report import looks_chart
from denoscope.report.print import print_chart
from denoscope.tables import Look, WatchRecord, read_watch, write_file, write_watch
from denoscope.training import RunRecord, train

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "docs" / "studies" / "early-stopping"
PAGE = ROOT / "docs" / "how-to" / "stop-before-memorization.md"
CELL = Cell("fashion-mnist", 16, 64, width=24, multipliers=(1, 2, 2), kimg=256, precision="fp32")
SNAPSHOTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SEEDS = (0, 1, 2)
SIGNALS = ("copies", "novelty", "gap", "position", "linearity")


def train_stopped(folder: Path) -> dict[str, float]:
    """Train under the watch, unless it is done; the seconds of processor time of training and looks."""
    spent = folder.with_name(f"{folder.name}-seconds.json")
    pictures, held_out = CELL.split()
    seconds = {"training": 0.0, "looks": 0.0}
    seconds |= json.loads(spent.read_text()) if spent.is_file() else {}
    started = time.process_time()
    for one in train_watched(
        CELL.settings(pictures.shape), pictures, held_out, folder, data=CELL.record(), resume=True
    ):
        now = time.process_time()
        seconds["looks" if isinstance(one, Look) else "training"] += now - started
        started = now
        write_file(spent, json.dumps(seconds).encode())
    return seconds


def train_twin(folder: Path) -> None:
    """Train without a watch, unless it is done; a shorter run of these settings goes on."""
    pictures, _ = CELL.split()
    settings = replace(CELL, snapshots=SNAPSHOTS).settings(pictures.shape)
    for _ in train(settings, pictures, folder, data=CELL.record(), resume=True):
        pass


def look_at_snapshots(run: Path, kept: Path) -> WatchRecord:
    """Looks at every snapshot of a run and at its end, by the watch that the stopped one had."""
    record = RunRecord.read(run / "run.json")
    pictures, held_out = record.data.split(opened(record.data.where, record.data.size))
    before = read_watch(kept).looks if kept.is_file() else ()
    watch = MemorizationWatch(pictures, held_out, seed=record.settings.seed, looks=before)
    models = {int(path.stem): path for path in (run / "snapshots").glob("*.safetensors")}
    models[record.settings.steps * record.settings.batch] = run
    for seen, model in sorted(models.items()):
        if not before or seen > before[-1].seen:
            watch.look(open_denoiser(model), seen)
            write_watch(kept, watch.record)
    return watch.record


def told(audits: dict[int, Audit]) -> dict[str, Any]:
    """Verdict and figures of one model by seed of the audit."""
    found = {}
    for seed, one in audits.items():
        figures = one.tables.summary.headline
        found[str(seed)] = {
            "verdict": one.verdict.label,
            "confidence": round(one.verdict.confidence, 4),
            "signals": {r.signal: r.value for r in one.verdict.reasons if r.value is not None},
            "copied": figures["memorization_ratio"].value,
            "copied_control": figures["memorization_ratio_control"].value,
            "distance_to_gaussian": figures["score_error_gaussian"].value,
        }
    return found


def collect(runs: Path, twin: Path | None) -> None:
    """Train, look and audit what is missing; keep the tables of the study."""
    stopped, twin = runs / "stopped", twin or runs / "twin"
    seconds = train_stopped(stopped)
    train_twin(twin)
    watch = read_watch(stopped / "watch.json")
    beyond = look_at_snapshots(twin, runs / "twin-looks.json")
    halfway = twin / "snapshots" / "000128000.safetensors"
    models = {"stopped": stopped, "twin, halfway": halfway, "twin": twin}
    audits = {name: told(audit_cell(model, SEEDS)) for name, model in models.items()}
    settings = RunRecord.read(stopped / "run.json").settings
    content = {
        "schema_version": 1,
        "settings": settings.model_dump(mode="json"),
        "pictures_seen": {
            "stopped_at": watch.onset.seen if watch.onset else None,
            "stopped": watch.before.seen if watch.before else None,
            "twin, halfway": 128_000,
            "twin": settings.steps * settings.batch,
        },
        "processor_seconds": {name: round(value, 1) for name, value in seconds.items()},
        "audits": audits,
        "holds": holds(audits),
    }
    write_watch(STUDY / "watch.json", watch)
    write_watch(STUDY / "twin-looks.json", beyond)
    write_file(STUDY / "results.json", (json.dumps(content, indent=1) + "\n").encode())


def holds(audits: dict[str, Any]) -> bool:
    """By every seed the stopped model generalizes and its unstopped twin memorizes at the end."""
    labels = {name: {one["verdict"] for one in found.values()} for name, found in audits.items()}
    return labels["stopped"] == {"generalizing"} and labels["twin"] == {"memorizing"}


def page(results: dict[str, Any], watch: WatchRecord) -> str:
    """The block of the how-to: verdicts of both, the chart, the table of looks."""
    seen, seconds = results["pictures_seen"], results["processor_seconds"]
    rows = [
        [
            name,
            f"{seen[name]:,}",
            seed,
            f"{one['verdict']} {one['confidence']:.2f}",
            f"{one['copied']:.0%} ({one['copied_control']:.0%})",
            f"{one['distance_to_gaussian']:.3f}",
            *(f"{one['signals'][signal]:.2f}" for signal in SIGNALS[1:]),
        ]
        for name, found in results["audits"].items()
        for seed, one in found.items()
    ]
    head = ["model", "pictures seen", "audit's seed", "verdict", "copies (control)"]
    head += ["distance to Gaussian", *SIGNALS[1:]]
    looks = [
        [
            f"{look.seen:,}",
            f"{look.verdict.label} {look.verdict.confidence:.2f}",
            "yes" if look.closer else "",
            *("" if v is None else f"{v:.2f}" for v in map(look.signals.get, SIGNALS)),
        ]
        for look in watch.looks
    ]
    share = seconds["looks"] / (seconds["looks"] + seconds["training"])
    return "\n\n".join(
        [
            f"It was stopped after {seen['stopped_at']:,} of {seen['twin']:,} pictures, and the weights "
            f"after {seen['stopped']:,} kept. {len(watch.looks)} looks took {share:.0%} of its "
            f"processor time ({seconds['looks']:.0f} of "
            f"{seconds['looks'] + seconds['training']:.0f} s). **"
            + ("Holds" if results["holds"] else "Does not hold")
            + "**: by every audit the stopped model generalizes and the twin memorizes.",
            markdown_table(head, rows),
            "![What the looks at both trainings saw](../studies/early-stopping/looks.svg)",
            "Every look of the stopped training ([watch.json](../studies/early-stopping/watch.json)); "
            "*closer* where the quick look left a doubt:",
            markdown_table(["pictures seen", "verdict", "closer", *SIGNALS], looks),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=Path, help="folder of the runs; without it: redraw")
    parser.add_argument("--twin-run", type=Path, help="an unstopped twin that is there already")
    words = parser.parse_args()
    if words.runs is not None:
        collect(words.runs, words.twin_run)
    results = json.loads((STUDY / "results.json").read_text())
    watch, beyond = (read_watch(STUDY / f"{name}.json") for name in ("watch", "twin-looks"))
    chart = looks_chart({"Stopped": watch, "Its unstopped twin, at its snapshots": beyond})
    write_file(STUDY / "looks.svg", print_chart(chart)["svg"])
    fill_block(PAGE, "early-stopping", page(results, watch))
    print(json.dumps({name: results[name] for name in ("pictures_seen", "holds")}))
    return 0 if results["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
