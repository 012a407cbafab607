"""numpy's .npz (key `images`, or the only array) and .npy files of uint8 pictures.

The layout is (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3. Floats are refused: whether
they mean [0, 1], [-1, 1] or 0..255 cannot be told from them. Nothing is ever unpickled.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np

from denoscope.errors import InputError
from denoscope.images.arrays import CHUNK_BYTES, Layout, pictures_of_chunks
from denoscope.images.decoding import file_identity
from denoscope.images.pictures import Numbered, Pictures

__all__ = ["open_npz"]

_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    zlib.error,
    zipfile.BadZipFile,
    RuntimeError,  # encrypted; NotImplementedError, an unknown compression, is one too
)


def open_npz(path: Path, size: int | None, source: str) -> Pictures:
    """Pictures of one array in a .npz or .npy file, read chunk by chunk."""
    with _array(path) as (file, what):
        shape, fortran, dtype = _header(file, what)
    if dtype != np.uint8:
        remedy = "round floats in [0, 1] with (255 * x).round().astype('uint8')"
        raise InputError(f"{what}: dtype {dtype}; save uint8 pictures (0..255): {remedy}")
    if fortran:
        raise InputError(f"{what}: in Fortran order; save numpy.ascontiguousarray of it")
    layout = Layout(shape, what)

    def chunks() -> Iterator[np.ndarray]:
        one = math.prod(shape[1:])
        step = max(1, CHUNK_BYTES // one)
        with _array(path) as (file, what):
            _header(file, what)
            for start in range(0, shape[0], step):
                wanted = min(step, shape[0] - start)
                data = file.read(wanted * one)
                if len(data) < wanted * one:
                    raise InputError(
                        f"{what}: truncated, it ends before picture {start + len(data) // one} "
                        f"of {shape[0]}; fetch it again"
                    )
                yield layout.nchw(np.frombuffer(data, np.uint8).reshape(wanted, *shape[1:]))
            file.read(1)  # to the end, where a zip member's checksum is compared

    return pictures_of_chunks(
        layout.shape,
        chunks,
        size=size,
        source=source,
        origins=Numbered(((path.name, shape[0]),)),
        identity=(file_identity(path),),
    )


@contextmanager
def _array(path: Path) -> Iterator[tuple[io.BufferedIOBase, str]]:
    """The stream of the one .npy meant, and its name for errors."""
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                yield file, str(path)
            return
        with zipfile.ZipFile(path) as archive:
            keys = [name for name in archive.namelist() if name.endswith(".npy")]
            if "images.npy" in keys:
                key = "images.npy"
            elif len(keys) == 1:
                key = keys[0]
            else:
                held = ", ".join(key.removesuffix(".npy") for key in keys[:6]) or "none"
                raise InputError(
                    f"{path}: which array holds the pictures? (arrays: {held}); name it `images`"
                )
            with archive.open(key) as file:
                yield cast(io.BufferedIOBase, file), f"{path}:{key.removesuffix('.npy')}"
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(
            f"{path}: cannot be read as {path.suffix} ({error}); fetch it again"
        ) from error


def _header(file: io.BufferedIOBase, what: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise InputError(f"{what}: .npy version {version}; save it again with numpy.save")
