"""How much of an audit's wall time is the network's? What is not should be nearly free.

    python benchmarks/audit_share.py [--model bundled:mnist-4000]

Audits a network against training sets of growing size: its own data while they last, pictures of random pixels
beyond (time does not depend on what they show). At N = 4,000 the network's evaluations must take 80 % of the
wall time. The result is printed and kept in benchmarks/results/audit_share.json, drawn in audit_share.svg.
"""

import argparse
import json
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import torch
import vl_convert

from denoscope.auditing import audit
from denoscope.checkpoints import describe_model
from denoscope.denoiser import Denoiser
from denoscope.images import Pictures, open_images
from denoscope.report.against import against_panel
from denoscope.report.chart import Chart
from denoscope.report.palette import denoiser_style
from denoscope.report.print import vega_lite_version
from denoscope.tables import write_file

RESULTS = Path(__file__).resolve().parent / "results"
BOUND, AT = 0.80, 4000


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


def random_pictures(n: int, shape: tuple[int, int, int]) -> tuple[Pictures, Pictures]:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n + 400, *shape), dtype=torch.uint8, generator=generator)
    return Pictures.from_tensor(pixels).split(n, seed=0)


def machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    if known.is_file():
        named = [line for line in known.read_text().splitlines() if line.startswith("model name")]
        cpu = named[0].split(":")[1].strip() if named else cpu
    return {
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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
        (0.8, 1.0),
    )
    chart = Chart("audit-share", "What an audit spends its time on", "The line: 80 %.", (panel,))
    svg = vl_convert.vegalite_to_svg(chart.for_print(), vl_version=vega_lite_version())
    write_file(out, svg.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="bundled:mnist-4000", help="a run of ours")
    parser.add_argument(
        "--images", default="64,256,1000,4000", help="N out of the model's own data"
    )
    parser.add_argument("--random", default="15000,60000", help="N beyond them, of random pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="torch threads (default: as torch chooses)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    words = parser.parse_args()
    if words.threads:
        torch.set_num_threads(words.threads)
    model = describe_model(words.model)
    if model.record is None:
        raise SystemExit(f"{words.model} brings no record of its data: give a run of ours")
    data = model.record.data
    pictures = open_images(data.where, size=data.size)
    audit(model.denoiser, *pictures.split(64, seed=0), pictures=16, samples=4)  # warm
    rows = []
    for n in (
        int(word) for text in (words.images, words.random) for word in text.split(",") if word
    ):
        own = n + 400 <= len(pictures)
        sets = pictures.split(n, seed=0) if own else random_pictures(n, pictures.shape)
        rows.append(
            share_at(model.denoiser, *sets, words.repeats) | {"pixels": "own" if own else "random"}
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
    }
    write_file(words.out / "audit_share.json", (json.dumps(result, indent=1) + "\n").encode())
    drawing(rows, words.out / "audit_share.svg")
    if at and at[0] < BOUND:
        raise SystemExit(f"network's share at N = {AT} is {at[0]:.1%}, below {BOUND:.0%}")


if __name__ == "__main__":
    main()
