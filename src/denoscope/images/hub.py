"""Data sets of the Hugging Face hub, through `datasets` (extra `hub`), which caches them."""

import io
import re
from typing import Any

from denoscope.errors import InputError, RunError
from denoscope.images.encoded import open_encoded
from denoscope.images.pictures import Numbered, Pictures

__all__ = ["open_hub"]

ORDER = ("train", "validation", "test")


def open_hub(repository: str, size: int | None, source: str) -> Pictures:
    """Pictures of hf:owner/name, its splits end to end: train, validation, test, others by name.

    Takes the one column of type Image (the one called image or img where there are several). Names
    are "source/split[17]". Raises InputError where the name or the set is no good, RunError where
    the hub cannot be reached.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise InputError(f"hf:{repository}: give hf:owner/name, as in the hub's address")
    try:
        import datasets
    except ImportError as error:
        raise InputError(
            f"{source}: sets of the hub need the package datasets: pip install 'denoscope[hub]'"
        ) from error
    try:
        found = datasets.load_dataset(repository)
    except (
        FileNotFoundError,
        ValueError,
    ) as error:  # no such set, private, or several configurations
        raise InputError(f"{source}: cannot be opened ({_line(error)}); check the name") from error
    except Exception as error:
        raise RunError(f"{source}: cannot be fetched ({_line(error)}); try again online") from error
    splits = sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else 3, name))
    column = _picture_column(found[splits[0]], source)
    # Bytes, not images: they are then decoded by the same rules as files.
    raw = datasets.Image(decode=False)
    parts = [found[name].cast_column(column, raw).select_columns([column]) for name in splits]
    place = [(part, i) for part in parts for i in range(len(part))]

    def read(i: int) -> io.BufferedIOBase:
        part, row = place[i]
        cell = part[row][column]
        if cell is None:
            raise OSError("empty cell")
        return io.BytesIO(cell["bytes"]) if cell["bytes"] else open(cell["path"], "rb")

    names = Numbered(
        tuple((f"{source}/{name}", len(part)) for name, part in zip(splits, parts, strict=True))
    )
    if not place:
        raise InputError(f"{source}: holds no row")
    identity = (repository, *(found[name]._fingerprint for name in splits))
    return open_encoded(len(place), read, names, size, source, identity)


def _picture_column(part: Any, source: str) -> str:
    columns = [name for name, kind in part.features.items() if type(kind).__name__ == "Image"]
    chosen = [name for name in columns if name in ("image", "img")] or columns
    if len(chosen) != 1:
        held = ", ".join(part.features) or "none"
        raise InputError(
            f"{source}: {len(columns)} columns of pictures (columns: {held}); it needs one"
        )
    return chosen[0]


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
