"""Ours and a rival on the same inputs, in turn, in one process; and the page drawn from what came out.

Each pair of runs gives one ratio, so that a machine that slows down slows both. The first pair warms up
and is thrown away.
"""

import argparse
import ctypes
import json
import platform
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from doc_blocks import fill_block, markdown_table
from torch import Tensor

from denoscope.tables import write_file

__all__ = [
    "PAGE",
    "RESULTS",
    "Row",
    "arguments",
    "best_of",
    "in_turn",
    "keep",
    "machine",
    "own_bytes",
    "page_of",
    "peak_bytes",
    "synthetic_pictures",
]

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "benchmarks.md"
Row = dict[str, Any]


def in_turn(
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Row:
    """Median seconds of both, and median and extremes of theirs / ours, over `repeats` pairs."""
    pairs = [(_seconds(ours, clock), _seconds(theirs, clock)) for _ in range(repeats + 1)][1:]
    ratios = [b / a for a, b in pairs]
    return {
        "ours_seconds": round(statistics.median(a for a, _ in pairs), 4),
        "rival_seconds": round(statistics.median(b for _, b in pairs), 4),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "repeats": repeats,
    }


def _seconds(work: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - started


def best_of(work: Callable[[], Any], repeats: int) -> float:
    """The shortest of some runs: what a bound takes."""
    return min(_seconds(work) for _ in range(repeats + 1))


def peak_bytes(work: Callable[[], Any]) -> int:
    """By how much the process grows, at most, while it works, looked at every 5 ms; -1 where unknown."""
    if platform.libc_ver()[0] == "glibc":  # what was freed earlier would be grown into unseen
        ctypes.CDLL(None).malloc_trim(0)
    before, largest, done = own_bytes(), [own_bytes()], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            largest.append(own_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return max(largest) - before if before else -1


def own_bytes() -> int:
    """Memory of this process that is no file's, in bytes; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def synthetic_pictures(n: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """uint8 (n, C, H, W) whose power falls with frequency as photographs' does: 1 / f^2."""
    _, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    amplitude = 1 / (fy.square() + fx.square()).sqrt().clamp(min=1 / max(height, width))
    pictures = torch.empty(n, *shape, dtype=torch.uint8)
    for start in range(0, n, 2048):
        white = torch.randn(min(2048, n - start), *shape, generator=generator)
        grey = white.mean(1, keepdim=True)  # channels of photographs are much alike
        fields = torch.fft.irfft2(
            torch.fft.rfft2(0.3 * white + grey) * amplitude, s=(height, width)
        )
        values = 120 + 60 * fields / fields.std()
        pictures[start : start + len(values)] = values.round().clamp(0, 255).to(torch.uint8)
    return pictures


def arguments(
    doc: str | None,
    given: list[str] | None = None,
    more: Callable[[argparse.ArgumentParser], Any] | None = None,
) -> argparse.Namespace:
    """--small (sizes for tests: nothing is to be read off its times), --repeats, --threads, --device, --out.

    given: the words, where they are not the command's. more: adds a script's own options.
    """
    parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    parser.add_argument("--small", action="store_true", help="small sizes, for correctness alone")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs a row")
    parser.add_argument("--threads", type=int, help="torch threads (default: as torch chooses)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, where a script says gpu")
    parser.add_argument("--out", type=Path, default=RESULTS)
    if more is not None:
        more(parser)
    words = parser.parse_args(given)
    if words.threads:
        torch.set_num_threads(words.threads)
    return words


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


def keep(words: argparse.Namespace, name: str, claim: str, rows: list[Row], **more: Any) -> None:
    """Write name.json into words.out; the page follows where it is the results' own folder.

    What ran on a GPU is name-cuda.json, with a block of its own.
    """
    where = machine()
    if words.device != "cpu":
        name, where = f"{name}-{words.device}", where | {"device": torch.cuda.get_device_name()}
    result = {"claim": claim, "small": words.small, **more, "machine": where, "rows": rows}
    write_file(words.out / f"{name}.json", (json.dumps(result, indent=1) + "\n").encode())
    if words.out == RESULTS and not words.small:
        fill_block(PAGE, name, page_of(result))


def page_of(result: dict[str, Any]) -> str:
    """The claim, a table of the rows (what they hold row by row stays in the file), and the machine."""
    rows, where = result["rows"], result["machine"]
    head = list(dict.fromkeys(key for row in rows for key in row if key != "each"))
    table = markdown_table(
        [name.replace("_", " ") for name in head],
        [[_cell(row.get(key)) for key in head] for row in rows],
    )
    device = where.get("device", where["cpu"])
    return (
        f"{result['claim']}\n\n{table}\n\n{device}, {where['threads']} threads, torch "
        f"{where['torch']}, Python {where['python']}, {where['when'][:10]}."
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " to ".join(_cell(one) for one in value)
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
