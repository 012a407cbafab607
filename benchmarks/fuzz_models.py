"""Model files changed at random: each opens or ends in one InputError line, runs nothing, in bounded time.

    python benchmarks/fuzz_models.py --count 100000 [--seed 0]

Bits flipped, bytes replaced, parts cut out, doubled, moved or taken from another file, of good pickles
of EDM and EDM2, good checkpoints of guided-diffusion and denoising-diffusion-pytorch, the two files of
a good imported model and those of a good pipeline of diffusers. Prints how many opened, how many were
refused, the longest time and the largest memory; stops at the first file that does anything else and
keeps it.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from checkpoints.hostile import (
    LUCID,
    good_edm2_pickle,
    good_lucid_file,
    good_pickle,
    good_record,
    good_torch_file,
    good_weights,
    opened,
)
from checkpoints.hostile_diffusers import good_files
from denoscope.errors import InputError

NUMBERS = [b"\x00" * 4, b"\xff" * 4, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x00\x00\x00\x80"]


def mutated(good: bytes, other: bytes, draw: random.Random) -> bytes:
    """One to four random changes of a file; half of them near its start, where structure is."""
    changed = bytearray(good)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        most = len(changed) if draw.random() < 0.5 else min(len(changed), 2000)
        at, length = draw.randrange(max(most, 1)), draw.randint(1, 64)
        match draw.randrange(6):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 2:
                changed[at : None if draw.random() < 0.2 else at + length] = b""
            case 3:
                changed[at:at] = changed[at : at + length]
            case 4:
                start = draw.randrange(len(other))
                changed[at : at + length] = other[start : start + length]
            case _:
                number = draw.choice(NUMBERS)
                changed[at : at + len(number)] = number
    return bytes(changed)


def good_ones() -> list[tuple[str, dict[str, bytes]]]:
    """What to open -> its files, of which one is changed. A path "." is the whole of a model file."""
    record = json.dumps(good_record()).encode()
    single = {
        "model.pkl": good_pickle(),
        "edm2.pkl": good_edm2_pickle(),
        "model.pt": good_torch_file(),
        LUCID: good_lucid_file(),
    }
    return [(name, {".": content}) for name, content in single.items()] + [
        ("imported", {"weights.safetensors": good_weights(), "model.json": record}),
        ("pipeline", good_files()),
    ]


def fuzz(count: int, seed: int, place: Path) -> dict[str, Any]:
    """Open `count` changed models in `place`, which keeps the one at fault where there is one."""
    draw = random.Random(seed)
    good = good_ones()
    others = [content for _, files in good for content in files.values()]
    found: dict[str, Any] = {name: {"opened": 0, "refused": 0} for name, _ in good}
    longest = 0.0
    for name, files in good:
        for path, content in files.items():
            target = place / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for _ in range(count):
        name, files = draw.choice(good)
        path = draw.choice(list(files))
        changed = mutated(files[path], draw.choice(others), draw)
        (place / name / path).write_bytes(changed)
        start = time.process_time()
        try:
            opened(place / name)
            found[name]["opened"] += 1
        except InputError as error:
            if "\n" in str(error):
                raise SystemExit(f"{place / name}: more than one line") from error
            found[name]["refused"] += 1
        longest = max(longest, time.process_time() - start)
        (place / name / path).write_bytes(files[path])  # not where anything else was raised
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "files": count,
        "seed": seed,
        "longest_s": round(longest, 3),
        "peak_mb": round(peak),
    } | {"models": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="fuzz-"))  # kept: the last file is the one at fault
    print(json.dumps(fuzz(given.count, given.seed, place)))


if __name__ == "__main__":
    main()
