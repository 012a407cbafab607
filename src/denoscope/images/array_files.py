"""One large array in one file, written whole or not at all, and memory-mapped when read.

The file is a .npy with the SHA-256 of its values behind them, which readers of .npy pass over.
"""

import contextlib
import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

__all__ = ["read_array", "write_array"]

PIECE = 2**24  # bytes hashed at a time


def write_array(
    target: Path, shape: tuple[int, ...], kind: str, chunks: Iterator[np.ndarray]
) -> None:
    """Write `chunks`, (n, ...) in order, as the array of `shape` and dtype `kind`, "|u1" or "<f4".

    The file appears by an atomic rename: whoever is killed leaves none. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".writing-", suffix=".npy")
    try:
        with os.fdopen(handle, "wb") as file:  # plain writes: a full disk is an error, not a SIGBUS
            header = {"descr": kind, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            digest, written = hashlib.sha256(), 0
            for chunk in chunks:
                values = np.ascontiguousarray(chunk, dtype=kind).data
                file.write(values)
                digest.update(values)
                written += len(chunk)
            assert written == shape[0], (written, shape)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def read_array(path: Path, shape: tuple[int, ...], kind: str) -> np.ndarray | None:
    """The array in a file of `write_array`, mapped, copied where it is written to.

    None where there is no such file, or it is not whole: cut short, changed, or of another shape.
    """
    try:
        with open(path, "rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                return None
            if np.lib.format.read_array_header_1_0(file) != (shape, False, np.dtype(kind)):
                return None
            left, digest = math.prod(shape) * np.dtype(kind).itemsize, hashlib.sha256()
            while left and (piece := file.read(min(PIECE, left))):
                digest.update(piece)
                left -= len(piece)
            if left or file.read() != digest.digest():
                return None
        return np.load(path, mmap_mode="c")
    except (OSError, ValueError, SyntaxError):  # a header is read as a literal of Python
        return None
