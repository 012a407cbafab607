"""From chunks of decoded pictures to one array: in memory, or memory-mapped when large.

A set of more than 256 MB is decoded once into a .npy file under the cache directory
(`DENOSCOPE_CACHE`, else `$XDG_CACHE_HOME/denoscope`, else `~/.cache/denoscope`) and memory-mapped
from there ever after. A killed decoding leaves no file.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from denoscope.errors import RunError
from denoscope.images.array_files import write_array

__all__ = ["MEMORY_LIMIT", "cache_folder", "decode", "file_identity"]

MEMORY_LIMIT = 256 * 2**20  # bytes of pixels; above it a set is memory-mapped


def cache_folder() -> Path:
    """Where decoded sets are kept; `DENOSCOPE_CACHE` overrides."""
    if chosen := os.environ.get("DENOSCOPE_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "denoscope"


def file_identity(path: Path) -> str:
    """Path, size and time of change: a changed file is decoded anew."""
    stat = path.stat()
    return f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"


def decode(
    shape: tuple[int, int, int, int],
    chunks: Callable[[], Iterator[np.ndarray]],
    identity: tuple[object, ...],
) -> np.ndarray:
    """uint8 (N, C, H, W) from `chunks()`, which yields (n, C, H, W) in order and N in all.

    identity: what the content depends on (files with their times, size); the key of the cache.
    """
    if math.prod(shape) <= MEMORY_LIMIT:
        whole = np.empty(shape, dtype=np.uint8)
        _fill(whole, chunks())
        return whole
    key = hashlib.sha256(repr((shape, *identity)).encode()).hexdigest()[:32]
    target = cache_folder() / "pictures" / f"{key}.npy"
    if not target.exists():
        try:
            write_array(target, shape, "|u1", chunks())
        except OSError as error:
            raise RunError(
                f"cannot keep the decoded pictures in {target.parent} ({error.strerror or error}); "
                "free space there or point DENOSCOPE_CACHE at another folder"
            ) from error
    # Copy on write: torch wants a writable array, and the file must stay as it is.
    return np.load(target, mmap_mode="c")


def _fill(whole: np.ndarray, chunks: Iterator[np.ndarray]) -> None:
    start = 0
    for chunk in chunks:
        whole[start : start + len(chunk)] = chunk
        start += len(chunk)
    assert start == len(whole), (start, whole.shape)
