"""How much of an audit's wall time is the network's? What is not should be nearly free.

    python benchmarks/audit_share.py [--model bundled:mnist-4000]

Audits a network against training sets of growing size: its own data while they last, synthetic pictures with
the spectrum of photographs beyond. At N = 60,000 the network is to take 90 % of the wall time. Then
what twice the levels and twice the pictures cost, and the memory of audits of more and more pictures that lie
on disk. The result is printed, kept in benchmarks/results/audit_share.json, drawn and written into
docs/benchmarks.md.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import vl_convert
from comparing import PAGE, RESULTS, machine, page_of, peak_bytes, synthetic_pictures
from doc_blocks import fill_block

from denoscope.auditing import audit
from denoscope.checkpoints import describe_model
from denoscope.denoiser import Denoiser
from denoscope.images import Pictures, open_images
from denoscope.noise import karras_levels
from denoscope.report.against import against_panel
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style
from denoscope.report.print import vega_lite_version
from denoscope.tables import write_file

DRAWING = RESULTS.parent.parent / "docs" / "images" / "audit-share.svg"
BOUND, AT = 0.90, 60_000


def share_at(
    denoiser: Denoiser, train: Pictures, held_out: Pictures, repeats: int
) -> dict[str, Any]:
    """The median over repeats of (network seconds / wall seconds), with both times."""
    times = []
    for _ in range(repeats):
        told = audit(denoiser, train, held_out).tables.summary.provenance
        times.append((told.network_seconds / told.wall_seconds, told))
    share = statistics.median(share for share, _ in times)
    nearest = min(times, key=lambda one: abs(one[0] - share))[1]
    return {
        "n": len(train),
        "share": round(share, 4),
        "network_seconds": round(nearest.network_seconds, 2),
        "wall_seconds": round(nearest.wall_seconds, 2),
    }


def made_pictures(n: int, shape: tuple[int, int, int]) -> tuple[Pictures, Pictures]:
    return Pictures.from_tensor(synthetic_pictures(n + 400, shape)).split(n, seed=0)


def costs(denoiser: Denoiser, train: Pictures, held_out: Pictures) -> list[dict[str, Any]]:
    """Seconds of processor time of audits, and how many times the cost of the one before in its pair."""
    rows: list[dict[str, Any]] = []
    for levels, pictures, samples in ((10, 50, 20), (20, 50, 20), (2, 125, 0), (2, 250, 0)):
        shown = held_out.take(range(min(pictures, len(held_out))))
        before = time.process_time()
        audit(
            denoiser,
            train,
            shown,
            levels=karras_levels(levels),
            pictures=pictures,
            samples=samples,
        )
        row: dict[str, Any] = {"levels": levels, "pictures": pictures, "samples": samples}
        row["cpu_seconds"] = round(time.process_time() - before, 2)
        if len(rows) % 2:
            row["times_the_last"] = round(row["cpu_seconds"] / rows[-1]["cpu_seconds"], 2)
        rows.append(row)
        print(row, flush=True)
    return rows


def memory_at(model: str, n: int) -> dict[str, Any]:
    """What an audit of n pictures on disk takes, by a process of its own: peak of memory that is no file's."""
    words = [sys.executable, __file__, "--model", model, "--memory-of", str(n)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    row = json.loads(told.splitlines()[-1])
    print(row, flush=True)
    return row


def measured_memory(denoiser: Denoiser, n: int) -> dict[str, Any]:
    shape = denoiser.spec.shape
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "pictures.bin"
        mapped = np.memmap(place, np.uint8, "w+", shape=(n, *shape))
        for start in range(0, n, 20_000):
            part = synthetic_pictures(min(20_000, n - start), shape, seed=start)
            mapped[start : start + len(part)] = part.numpy()
        mapped.flush()
        train = Pictures.from_tensor(
            torch.from_numpy(np.memmap(place, np.uint8, "r+", shape=mapped.shape))
        )
        held_out = Pictures.from_tensor(synthetic_pictures(16, shape, seed=n + 1))
        few: dict[str, Any] = {"pictures": 16, "samples": 4, "levels": karras_levels(4)}
        audit(denoiser, train.take(range(64)), held_out, **few)
        grown = peak_bytes(lambda: audit(denoiser, train, held_out, **few))
    data = n * math.prod(shape)
    return {
        "n": n,
        "data_mb": round(data / 1e6, 1),
        "peak_mb": round(grown / 1e6, 1),
        "peak_bytes_a_picture": round(grown / n),
    }


def page_text(result: dict[str, Any]) -> str:
    """The share against N, then the costs and the memory, as tables."""
    costs = page_of(
        {**result, "claim": "Twice the levels, twice the pictures:", "rows": result["costs"]}
    )
    memory = page_of({**result, "claim": "Memory beyond the file:", "rows": result["memory"]})
    tables = [page_of(result), costs, memory]
    return "\n\n".join([table.rpartition("\n\n")[0] for table in tables[:2]] + tables[2:])


def drawing(rows: list[dict[str, Any]], out: Path) -> None:
    style = denoiser_style("network")
    points = pl.DataFrame(
        [
            {"series": style.name, "x": row["n"], "mean": row["share"]}
            | {"low": row["share"], "high": row["share"]}
            for row in rows
        ]
    )
    panel = against_panel(
        points,
        [style],
        "Network's share of the wall time",
        "training pictures N",
        "share",
        (BOUND, 1.0),
    )
    chart = Chart(
        "audit-share", "What an audit spends its time on", f"The line: {BOUND:.0%}.", (panel,)
    )
    svg = vl_convert.vegalite_to_svg(chart.for_print(), vl_version=vega_lite_version())
    write_file(out, svg.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="bundled:mnist-4000", help="a run of ours")
    parser.add_argument("--images", default="256,4000", help="N out of the model's own data")
    parser.add_argument("--made", default="60000", help="N beyond them, of synthetic pictures")
    parser.add_argument("--memory", default="4000,30000,120000", help="N of pictures on disk")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="torch threads (default: as torch chooses)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    words = parser.parse_args()
    if words.threads:
        torch.set_num_threads(words.threads)
    model = describe_model(words.model)
    if model.record is None:
        raise SystemExit(f"{words.model} brings no record of its data: give a run of ours")
    if words.memory_of:
        print(json.dumps(measured_memory(model.denoiser, words.memory_of)))
        return
    data = model.record.data
    pictures = open_images(data.where, size=data.size)
    audit(model.denoiser, *pictures.split(64, seed=0), pictures=16, samples=4)  # warm
    rows = []
    for n in (int(word) for text in (words.images, words.made) for word in text.split(",") if word):
        own = n + 400 <= len(pictures)
        sets = pictures.split(n, seed=0) if own else made_pictures(n, pictures.shape)
        rows.append(
            share_at(model.denoiser, *sets, words.repeats)
            | {"pixels": "own" if own else "synthetic"}
        )
        print(
            "N {n:>6,}  network {share:.1%} of {wall_seconds} s  ({pixels})".format(**rows[-1]),
            flush=True,
        )
    at = [row["share"] for row in rows if row["n"] == AT]
    result = {
        "claim": f"at N = {AT} network evaluations take at least {BOUND:.0%} of an audit's wall time",
        "holds": bool(at) and at[0] >= BOUND,
        "model": {
            "where": Path(words.model).name,
            "parameters": model.parameters,
            "network": model.record.settings.network.model_dump(mode="json"),
        },
        "machine": machine(),
        "rows": rows,
        "costs": costs(model.denoiser, *pictures.split(len(pictures) * 4 // 5, seed=0)),
        "memory": [memory_at(words.model, int(word)) for word in words.memory.split(",") if word],
    }
    write_file(words.out / "audit_share.json", (json.dumps(result, indent=1) + "\n").encode())
    drawing(rows, DRAWING if words.out == RESULTS else words.out / "audit_share.svg")
    if words.out == RESULTS:
        fill_block(PAGE, "audit_share", page_text(result))
    if at and at[0] < BOUND:
        raise SystemExit(f"network's share at N = {AT} is {at[0]:.1%}, below {BOUND:.0%}")


if __name__ == "__main__":
    main()
