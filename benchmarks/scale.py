"""Time and memory of the fit, the multi-delta denoiser and the audit, for 1,000 to a million pictures on disk.

    python benchmarks/scale.py [--small] [--folder DIR]

The pictures are synthetic, uint8, gray, 28 x 28, in one .npy file that is mapped into memory, written once
to --folder (800 MB) and removed at the end where it was made here. Each row is a process of its own: `seconds`
are those of the work alone, `grown_mb` by how much its memory grew at most, without the pages of the file,
which the system takes back when it likes. `slope` is that of log seconds against log N from the row before: 1
is a time in proportion. "fit" is the Gaussian one, "multi-delta" 32 pictures at ten levels,
"nearest" the eight nearest of each of 400 pictures, "audit" one of 64
pictures and 32 samples at five levels with the bundled network (not with --small), its exact search for
near-duplicates, which grows faster than N, included.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
import vl_convert
from comparing import (
    RESULTS,
    Row,
    arguments,
    best_of,
    keep,
    machine,
    peak_bytes,
    synthetic_pictures,
)
from doc_blocks import fill_block, markdown_table

from denoscope.auditing import audit
from denoscope.checkpoints import open_denoiser
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.images import Pictures, open_images
from denoscope.metrics import nearest
from denoscope.noise import karras_levels
from denoscope.report.against import against_panel
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style
from denoscope.report.print import vega_lite_version
from denoscope.tables import write_file

__all__ = ["WORKS", "main", "more", "plan_of", "slopes"]

HELD_OUT = 400
SHAPE = (1, 28, 28)
PLAN = RESULTS.parent.parent / "docs" / "how-to" / "plan-for-many-pictures.md"


def fit(train: Pictures, held_out: Pictures) -> None:
    GaussianDenoiser.fit(train)


def multi_delta(train: Pictures, held_out: Pictures) -> None:
    x0 = held_out.floats(range(32))
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    MultiDeltaDenoiser(train).posterior_at_levels(x0, eps, karras_levels(10))


def whole_audit(train: Pictures, held_out: Pictures) -> None:
    network = open_denoiser("bundled:mnist-4000")
    audit(network, train, held_out, levels=karras_levels(5), pictures=64, samples=32)


def nearest_pictures(train: Pictures, held_out: Pictures) -> None:
    nearest(held_out.floats(), train, k=8)


WORKS: dict[str, Callable[[Pictures, Pictures], None]] = {
    "fit": fit,
    "multi-delta": multi_delta,
    "nearest": nearest_pictures,
    "audit": whole_audit,
}


def of_one(work: str, n: int, file: Path) -> Row:
    """Seconds and memory of one work on the first n pictures of the file; the last ones are held out."""
    pictures = open_images(str(file))
    held_out = pictures.take(range(len(pictures) - HELD_OUT, len(pictures)))
    train = Pictures.from_tensor(pictures.pixels[:n])  # a view of the mapped file, not a copy
    seconds: list[float] = []
    grown = peak_bytes(lambda: seconds.append(best_of(lambda: WORKS[work](train, held_out), 0)))
    return {"seconds": round(seconds[0], 3), "grown_mb": grown >> 20}


def slopes(rows: list[Row]) -> list[Row]:
    """The rows with the slope of log seconds against log N from the one before of the same work."""
    out: list[Row] = []
    for row in rows:
        before = [one for one in out if one["work"] == row["work"]]
        slope = None
        if before:
            slope = math.log(row["seconds"] / before[-1]["seconds"]) / math.log(
                row["n"] / before[-1]["n"]
            )
        out.append(row | {"slope": None if slope is None else round(slope, 2)})
    return out


def written(folder: Path, n: int) -> Path:
    """The file of n + HELD_OUT pictures, made where it is not there."""
    file = folder / f"synthetic-{n}.npy"
    if not file.is_file():
        made = np.lib.format.open_memmap(
            folder / "unfinished.npy", "w+", np.uint8, (n + HELD_OUT, *SHAPE[1:])
        )
        for start in range(0, len(made), 50_000):
            count = min(50_000, len(made) - start)
            made[start : start + count] = synthetic_pictures(count, SHAPE, seed=start)[:, 0]
        made.flush()
        (folder / "unfinished.npy").rename(file)
    return file


def plan_of(rows: list[Row], where: str) -> str:
    """What the largest set measured says of a billion: time in proportion, what does not grow once."""
    lines, held = [], []
    for work in dict.fromkeys(row["work"] for row in rows if row["work"] != "audit"):
        small, *_, large = (row for row in rows if row["work"] == work)
        each = (large["seconds"] - small["seconds"]) / (large["n"] - small["n"])
        once = max(0.0, small["seconds"] - each * small["n"])
        billion = [f"{(once + each * 1e9 / machines) / 3600:.3g} h" for machines in (1, 100)]
        seconds = f"{large['seconds']:.3g} s"
        lines.append([work, seconds, f"{1e6 * each:.3g} us", f"{once:.2g} s", *billion])
        held.append(f"{work} {large['grown_mb']} MB")
    most = f"N = {max(row['n'] for row in rows):,}"
    head = ["work", most, "each picture", "once", "10^9 on 1", "10^9 on 100"]
    audits = [row for row in rows if row["work"] == "audit"]
    audit_text = "".join(
        f" A whole audit of {row['n']:,} took {row['seconds']:.3g} s and {row['grown_mb']} MB; from the "
        f"size before, its time grew as N to the power of {row['slope']}."
        for row in audits[-1:]
    )
    return (
        f"{markdown_table(head, lines)}\n\nGray pictures of 28 x 28 (a billion are 784 GB), 32 of them asked "
        "about by the multi-delta at ten levels and 400 by the search for the eight nearest. The last two "
        "columns are the others extrapolated, not measured. Held beside the mapped pictures at "
        f"{most}: {', '.join(held)}.{audit_text}\n\n{where}."
    )


def drawing(rows: list[Row], out: Path) -> None:
    shown = {"fit": "gaussian", "multi-delta": "multi_delta", "audit": "network"}
    named = {work: denoiser_style(name) for work, name in shown.items()}
    styles = list(named.values())
    panels = []
    for value, title in (("seconds", "seconds"), ("grown_mb", "megabytes")):
        points = pl.DataFrame(
            [
                {"series": named[row["work"]].name, "x": row["n"]}
                | dict.fromkeys(("mean", "low", "high"), float(max(row[value], 1e-3)))
                for row in rows
                if row["work"] in named
            ]
        )
        caption = "Time" if value == "seconds" else "Memory beyond the pictures"
        panels.append(
            against_panel(points, styles, caption, "training pictures N", title, y_scale="log")
        )
    note = "Gaussian: the fit. Multi-delta: 32 pictures at ten levels. Network: an audit."
    chart = Chart("scale", "Time and memory against the size of the data set", note, tuple(panels))
    svg = vl_convert.vegalite_to_svg(chart.for_print(), vl_version=vega_lite_version())
    write_file(out, svg.encode())


def main(words: argparse.Namespace | None = None) -> list[Row]:
    words = words or arguments(__doc__, more=more)
    if words.child:
        work, n, file = words.child
        print(json.dumps(of_one(work, int(n), Path(file))))
        return []
    sizes = [300, 600] if words.small else [1_000, 10_000, 100_000, 1_000_000]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="denoscope-scale-") as made:
        file = written(words.folder or Path(made), sizes[-1])
        for work in list(WORKS)[: 3 if words.small else 4]:
            for n in sizes:
                command = [sys.executable, __file__, "--child", work, str(n), str(file)]
                if words.threads:
                    command += ["--threads", str(words.threads)]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                rows.append({"work": work, "n": n, **json.loads(told.splitlines()[-1])})
                print(rows[-1], flush=True)
    rows = slopes(rows)
    keep(
        words,
        "scale",
        "Seconds, memory beyond the mapped pictures, and the slope of log seconds against log N.",
        rows,
    )
    if words.out == RESULTS and not words.small:
        on = machine()
        where = f"{on['cpu']}, {on['threads']} threads, torch {on['torch']}, {on['when'][:10]}"
        fill_block(PLAN, "plan", plan_of(rows, where))
        drawing(rows, RESULTS.parent.parent / "docs" / "images" / "scale.svg")
    return rows


def more(parser: argparse.ArgumentParser) -> None:
    """This script's own words."""
    parser.add_argument("--folder", type=Path, help="where the pictures are kept (else removed)")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)


if __name__ == "__main__":
    main()
