"""Files out of a folder that somebody else made: only those inside it, and JSON of bounded size and depth."""

import json
from pathlib import Path
from typing import Any

from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["inside", "read_object"]

MOST_BYTES = 2**20  # of a JSON file; those of diffusers have up to some 50,000
MOST_DEPTH = 8
LARGEST = 2**31  # of a whole number: what a size, a count or an index may be


def inside(folder: Path, path: Path) -> Path:
    """`path`, which is a file in `folder`, also after every link in it is followed.

    A snapshot in a cache of the hub is a folder of links to `blobs` beside it: they count as inside.
    Raises InputError for a file that is not there, is no plain file, or lies elsewhere.
    """
    try:
        real, home = path.resolve(strict=True), folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # missing, or a link to itself
        raise InputError(
            f"{path.parent} holds no {shown(path.name)}: restore it from a copy"
        ) from error
    blobs = home.parent.parent / "blobs" if home.parent.name == "snapshots" else home
    if not (real.is_relative_to(home) or real.is_relative_to(blobs)):
        raise InputError(
            f"{path} leads out of its folder, to {shown(str(real))}: copy the file itself to there"
        )
    if not real.is_file():
        raise InputError(f"{path} is no plain file: restore it from a copy")
    return path


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises InputError for any other, and for one beyond the bounds."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
        _check(content)
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({shown(error)}): restore it from a copy"
        ) from error
    return content


def _check(content: dict[str, Any]) -> None:
    layer: list[Any] = [content]
    for _ in range(MOST_DEPTH):
        held = [one for one in layer if isinstance(one, dict | list)]
        layer = [v for one in held for v in (one.values() if isinstance(one, dict) else one)]
        for value in layer:
            if isinstance(value, int) and abs(value) > LARGEST:
                raise ValueError("it holds a whole number beyond 2^31")
        if not layer:
            return
    raise ValueError(f"it is more than {MOST_DEPTH} levels deep")
