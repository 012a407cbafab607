"""Files in MNIST's idx format (LeCun), gzipped or plain, and folders of them.

The header is big-endian: 0x00000803 (uint8, 3 axes), N, H, W; then N * H * W bytes.
"""

import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from denoscope.errors import InputError
from denoscope.images.arrays import CHUNK_BYTES, pictures_of_chunks
from denoscope.images.decoding import file_identity
from denoscope.images.pictures import Numbered, Pictures

__all__ = ["idx_files", "open_idx"]


def idx_files(folder: Path) -> list[Path]:
    """The idx files of pictures in a folder: those named train first, then the others, by name."""
    found = [path for path in folder.iterdir() if "idx3-ubyte" in path.name and path.is_file()]
    # A file and its unpacked copy are one: keep the gzipped.
    packed = {path.name.removesuffix(".gz") for path in found if path.suffix == ".gz"}
    found = [path for path in found if path.suffix == ".gz" or path.name not in packed]
    return sorted(found, key=lambda path: ("train" not in path.name, path.name))


def open_idx(
    files: list[Path], size: int | None, source: str, labels: list[str] | None = None
) -> Pictures:
    """Pictures of idx files end to end, in the order given, named "file[17]" or "label[17]"."""
    labels = labels or [path.name for path in files]
    shapes = [_header(path) for path in files]
    for path, shape in zip(files, shapes, strict=True):
        if shape[1:] != shapes[0][1:]:
            raise InputError(
                f"{path} holds {shape[1]}x{shape[2]} pictures and {files[0]} "
                f"{shapes[0][1]}x{shapes[0][2]}; open one of the files"
            )

    def chunks() -> Iterator[np.ndarray]:
        for path, shape in zip(files, shapes, strict=True):
            yield from _read(path, shape)

    counts = [shape[0] for shape in shapes]
    return pictures_of_chunks(
        (sum(counts), 1, *shapes[0][1:]),
        chunks,
        size=size,
        source=source,
        origins=Numbered(tuple(zip(labels, counts, strict=True))),
        identity=tuple(file_identity(path) for path in files),
    )


def _open(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.GzipFile(path) if packed else path.open("rb")


def _header(path: Path) -> tuple[int, int, int]:
    try:
        with _open(path) as file:
            head = file.read(16)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch it again") from error
    if len(head) < 16 or head[:4] != b"\x00\x00\x08\x03":
        raise InputError(
            f"{path}: not an idx file of uint8 pictures: it starts with "
            f"{head[:4].hex() or 'nothing'}, not 00000803; fetch it again"
        )
    count, height, width = struct.unpack(">III", head[4:])
    if 0 in (count, height, width):
        raise InputError(f"{path}: holds no picture ({count} of {height}x{width})")
    return count, height, width


def _read(path: Path, shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    count, height, width = shape
    step = max(1, CHUNK_BYTES // math.prod(shape[1:]))
    try:
        with _open(path) as file:
            file.seek(16)
            for start in range(0, count, step):
                wanted = min(step, count - start)
                data = file.read(wanted * height * width)
                if len(data) < wanted * height * width:
                    raise EOFError(
                        f"it ends before picture {start + len(data) // (height * width)}"
                    )
                yield np.frombuffer(data, np.uint8).reshape(wanted, 1, height, width)
            if file.read(1):
                raise EOFError(f"it goes on after its {count} pictures")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: corrupt, {error} ({count} pictures promised); fetch it again"
        ) from error
