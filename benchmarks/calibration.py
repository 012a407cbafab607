"""The verdict's confusion matrix, on audits that did not set its thresholds.

    python benchmarks/calibration.py --runs runs/calibration [--only digits] [--faces faces32.npz]
    python benchmarks/calibration.py        # the rule as it is now, on the rows already measured

Each row knows what it is by construction: few pictures trained for long memorize, many pictures generalize,
a thousand pictures seen are too few, and the two closed forms are the two extremes. What a network really
does is checked apart from the audit: 500 samples by Heun over 18 levels from other noise, and the share with
d1/d2 < 1/3 counted by brute force (`independent_copy_share`).

The thresholds were set on a Fashion-MNIST ladder at 16x16 and on the two MNIST models of the demo at 28x28.
Rows are kept in one JSON as they are made; a row that is there is not measured again.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import torch
from cells import Cell, audit_denoiser, opened, train_cell
from doc_blocks import fill_block, markdown_table

from denoscope.auditing import Audit, Signal, audit, decide
from denoscope.checkpoints import describe_model
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import Denoiser
from denoscope.images import Pictures
from denoscope.metrics import fraction_interval
from denoscope.noise import karras_levels, noise
from denoscope.sampling import sample
from denoscope.tables import LevelNote, write_file

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "studies" / "calibration.json"
PAGE = ROOT / "docs" / "verdict.md"
LABELS = ("memorizing", "transitional", "generalizing", "undertrained", "not_enough_evidence")
PICTURES, SAMPLES = 200, 100
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Row:
    """What is audited and what it is by construction. model: network, multi_delta or gaussian."""

    name: str
    model: str
    cell: Cell
    expected: str


def planned(faces: str | None) -> list[Row]:
    """Every row, the cheap ones first."""
    rows: list[Row] = []
    network = {"width": 32, "multipliers": (1, 2)}
    for where, size, n in (
        ("digits", None, 400),
        ("mnist-5k", 14, 1000),
        ("fashion-mnist", 8, 4000),
    ):
        for model, expected in (("multi_delta", "memorizing"), ("gaussian", "generalizing")):
            rows.append(Row(f"{where}-{n}-{model}", model, Cell(where, size, n), expected))
    for n in (16, 32):
        for seed in (0, 1, 2):
            cell = Cell("digits", None, n, seed, kimg=2.0 * n, batch=16, **network)
            rows.append(_network(cell, "memorizing"))
    for seed in (0, 1, 2):
        rows.append(_network(Cell("digits", None, 1200, seed, kimg=40, **network), "generalizing"))
    for where, size, n in (
        ("digits", None, 1200),
        ("mnist-5k", 14, 4000),
        ("fashion-mnist", 8, 16384),
    ):
        rows.append(_network(Cell(where, size, n, seed=3, kimg=1, **network), "undertrained"))
    for where, size, large in (("fashion-mnist", 8, 16384), ("mnist-5k", 14, 4000)):
        for seed in (0, 1):
            rows.append(
                _network(Cell(where, size, 32, seed, kimg=64, batch=16, **network), "memorizing")
            )
            rows.append(
                _network(Cell(where, size, large, seed, kimg=40, **network), "generalizing")
            )
    if faces:
        rows.append(_network(Cell(faces, 16, 32, 0, kimg=64, batch=16, **network), "memorizing"))
        rows.append(_network(Cell(faces, 16, 8000, 0, kimg=40, **network), "generalizing"))
    return rows


def _network(cell: Cell, expected: str) -> Row:
    name = (
        f"{Path(cell.where).stem}-{cell.size or 'full'}-{cell.n}-{cell.kimg:g}kimg-seed-{cell.seed}"
    )
    return Row(name, "network", cell, expected)


def measured(row: Row, runs: Path) -> dict[str, Any]:
    """Train, audit, and count copies apart from the audit; one line of the table."""
    train_set, held_out = row.cell.split()
    if row.model == "network":
        model = describe_model(train_cell(row.cell, runs / row.name))
        found = audit_denoiser(model, seed=0, pictures=PICTURES, samples=SAMPLES)
        denoiser: Denoiser = model.denoiser
    else:
        made = GaussianDenoiser.fit(train_set) if row.model == "gaussian" else None
        denoiser = made or MultiDeltaDenoiser(train_set)
        found = audit(denoiser, train_set, held_out, seed=0, pictures=PICTURES, samples=SAMPLES)
    found.save(runs / "audits" / row.name, overwrite=True)
    copies, control = independent_copies(denoiser, train_set, held_out, seed=1000 + row.cell.seed)
    cell = asdict(row.cell) | {"where": Path(row.cell.where).stem}
    if row.model != "network":
        cell = {key: cell[key] for key in ("where", "size", "n", "seed")}
    return {
        "name": row.name,
        "model": row.model,
        **cell,
        "side": train_set.shape[-1],
        "fingerprint": opened(row.cell.where, row.cell.size).fingerprint[:16],
        "expected": row.expected,
        "independent_copy_share": copies,
        "independent_control_share": control,
        **evidence(found),
    }


def evidence(found: Audit) -> dict[str, Any]:
    """What the verdict was drawn from, so that the rule can be applied again."""
    signals = {
        reason.signal: {"value": reason.value, "low": reason.low, "high": reason.high}
        for reason in found.verdict.reasons
        if reason.signal not in ("levels", "evidence")
    }
    levels = [
        {"sigma": level.sigma, "sigma_used": level.sigma_used, "status": level.status}
        for level in found.tables.summary.levels
    ]
    return {"signals": signals, "levels": levels}


def with_verdict(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the verdict that the rule, as it is now, draws from its evidence."""
    signals = []
    for name, one in row["signals"].items():
        se = float("nan") if one["low"] is None else (one["high"] - one["low"]) / (2 * Z)
        signals.append(Signal(name, one["value"], se, ""))
    verdict = decide(signals, [LevelNote(**level) for level in row["levels"]], missing=False)
    votes = {reason.signal: reason.vote for reason in verdict.reasons}
    return row | {
        "verdict": verdict.label,
        "confidence": round(verdict.confidence, 4),
        "votes": votes,
    }


def independent_copies(
    denoiser: Denoiser, train_set: Pictures, held_out: Pictures, seed: int, count: int = 500
) -> tuple[float, float]:
    """Shares of samples, and of held-out pictures, with d1/d2 < 1/3: plain, by brute force, float64."""
    eps = noise(range(count), denoiser.spec.shape, seed=seed, stream="calibration")
    drawn = sample(denoiser, eps, karras_levels(18), solver="heun", batch=100)
    known = train_set.floats().flatten(1).double()

    def share(pictures: torch.Tensor) -> float:
        distances = torch.cdist(pictures.flatten(1).double(), known)
        one, two = distances.topk(2, largest=False).values.unbind(1)
        return float((one < two / 3).double().mean())

    return share(drawn), share(held_out.floats(slice(0, count)))


def confusion(rows: list[dict[str, Any]]) -> str:
    """The matrix, what went wrong in figures, and every row, as markdown."""
    shown = [label for label in LABELS if label != "not_enough_evidence" or _any(rows, label)]
    matrix = [
        [f"**{expected}**"]
        + [str(sum(r["expected"] == expected and r["verdict"] == v for r in rows)) for v in shown]
        for expected in ("memorizing", "generalizing", "undertrained")
    ]
    head = ["by construction", *(label.replace("_", " ") for label in shown)]
    return "\n\n".join(
        [
            f"{len(rows)} audits ({sum(r['model'] == 'network' for r in rows)} of trained networks, the "
            "rest of closed forms), none of which set a threshold. Rows are what the model is by "
            "construction, columns are the verdicts.",
            markdown_table(head, matrix),
            "\n".join(_rates(rows)),
            "Every audit. *copies* is the share of 500 further samples (Heun, 18 levels, other noise) with "
            "d1/d2 < 1/3, counted by brute force and apart from the audit; in brackets the same share "
            "of held-out pictures. *votes* are those of the signals in the order "
            f"{', '.join(rows[0]['signals'])}: M memorizing, T transitional, G generalizing.",
            markdown_table(
                ["data", "N", "seed", "kimg", "by construction", "copies", "verdict", "votes"],
                [_line(row) for row in rows],
            ),
        ]
    )


def _any(rows: list[dict[str, Any]], label: str) -> bool:
    return any(row["verdict"] == label for row in rows)


def _rates(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    networks = [row for row in rows if row["model"] == "network"]
    for words, some, expected, wrong in (
        ("False alarms: generalizing models called memorizing", rows, "generalizing", "memorizing"),
        ("the same among trained networks alone", networks, "generalizing", "memorizing"),
        ("Misses: memorizing models called generalizing", rows, "memorizing", "generalizing"),
        ("the same among trained networks alone", networks, "memorizing", "generalizing"),
    ):
        of = [row for row in some if row["expected"] == expected]
        count = sum(row["verdict"] == wrong for row in of)
        low, high = fraction_interval(count, len(of))
        lines.append(
            f"- {words}: {count} of {len(of)} (95 % interval by Wilson {low:.0%} to {high:.0%})."
        )
    right = sum(row["verdict"] == row["expected"] for row in rows)
    return [*lines, f"- Right in all: {right} of {len(rows)}."]


def _line(row: dict[str, Any]) -> list[str]:
    trained = row["model"] == "network"
    name = f"{row['where']} {row['side']}x{row['side']}"
    mark = "" if row["verdict"] == row["expected"] else " **(not as expected)**"
    letters = "".join(
        row["votes"].get(signal, "-")[0].upper() if signal in row["votes"] else "-"
        for signal in row["signals"]
    )
    return [
        name if trained else f"{name}, {row['model'].replace('_', '-')}",
        f"{row['n']:,}",
        str(row["seed"]),
        f"{row['kimg']:g}" if trained else "",
        row["expected"],
        f"{row['independent_copy_share']:.2f} ({row['independent_control_share']:.2f})",
        f"{row['verdict'].replace('_', ' ')} {row['confidence']:.2f}{mark}",
        letters,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=Path, help="train and audit what is missing, in this folder")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--faces", help="an npz of colour pictures: two more rows")
    parser.add_argument("--again", action="store_true", help="measure rows that are there anew")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--page", type=Path, default=PAGE, help="where the matrix is written")
    words = parser.parse_args()

    plan = planned(words.faces)
    for row in plan if words.runs else []:
        if words.only not in row.name or (row.name in _rows(words.out) and not words.again):
            continue
        print(row.name, "...", flush=True)
        one = with_verdict(measured(row, words.runs))
        print(
            f"  {one['expected']} -> {one['verdict']} {one['confidence']:.2f}, independent copies "
            f"{one['independent_copy_share']:.3f} ({one['independent_control_share']:.3f}), "
            f"{one['votes']}",
            flush=True,
        )
        _keep(words.out, _rows(words.out) | {row.name: one})
    rows = {name: with_verdict(row) for name, row in _rows(words.out).items()}
    if not rows:
        raise SystemExit(f"no rows in {words.out}: give --runs to measure some")
    order = [row.name for row in plan]
    rows = dict(sorted(rows.items(), key=lambda r: order.index(r[0]) if r[0] in order else 99))
    _keep(words.out, rows)
    text = confusion(list(rows.values()))
    fill_block(words.page, "calibration", text)
    print(text)


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    """The rows kept so far, read anew each time: several may be measuring."""
    table = json.loads(path.read_text())["rows"] if path.is_file() else []
    return {row["name"]: row for row in table}


def _keep(path: Path, rows: dict[str, dict[str, Any]]) -> None:
    note = "benchmarks/calibration.py; columns are explained in docs/verdict.md"
    content = {"made_by": note, "rows": list(rows.values())}
    write_file(path, (json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
