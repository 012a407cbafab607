"""Encoded pictures (PNG, JPEG, WebP), from files, zips or the hub alike.

gray       stays gray (C = 1) where every file is stored as gray; otherwise all become RGB
alpha      is composited over white, as a page would show it; hidden colours never surface
16 bits    are scaled to 8: round(v * 255 / 65535)
EXIF       orientation is applied: a picture is what a viewer shows
animation  its first frame
size       centre crop and exact area resampling, picture by picture, so sizes may be mixed;
           without it they must all be one size
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast

import numpy as np
from PIL import Image

from denoscope.errors import InputError
from denoscope.images.arrays import CHUNK_BYTES, pictures_of_chunks
from denoscope.images.pictures import Pictures
from denoscope.images.resampling import area_resample

__all__ = ["SUFFIXES", "is_picture", "open_encoded"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
FORMATS = ("PNG", "JPEG", "WEBP")

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_BROKEN = (
    OSError,
    SyntaxError,  # what Pillow raises for a broken PNG
    ValueError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,  # a member whose checksum does not fit
    Image.DecompressionBombError,
)


def is_picture(name: str) -> bool:
    """Whether a file's name is that of a picture: a known suffix, and not hidden ("._x.png")."""
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith(SUFFIXES) and not base.startswith(".")


def open_encoded(
    count: int,
    read: Callable[[int], io.BufferedIOBase],
    names: Sequence[str],
    size: int | None,
    source: str,
    identity: tuple[object, ...],
) -> Pictures:
    """Pictures of `count` encoded files; read(i) opens the i-th, names[i] is its name."""
    gray, first = True, (0, 0)
    for i in range(count):
        with _opened(read, i, names) as image:
            gray = gray and _is_gray(image)
            seen = _upright_size(image)
        first = seen if i == 0 else first
        if size is None and seen != first:
            raise InputError(
                f"{source}: pictures of different sizes, {names[0]} is {first[0]}x{first[1]} and "
                f"{names[i]} {seen[0]}x{seen[1]} (width x height); choose one with size="
            )
    width, height = (size, size) if size is not None else first
    shape = (count, 1 if gray else 3, height, width)

    def chunks() -> Iterator[np.ndarray]:
        step = max(1, CHUNK_BYTES // (shape[1] * height * width))
        for start in range(0, count, step):
            rows = range(start, min(count, start + step))
            yield np.stack([_decoded(read, i, names, gray, size) for i in rows])

    return pictures_of_chunks(
        shape, chunks, size=None, source=source, origins=names, identity=(*identity, size, gray)
    )


@contextmanager
def _opened(
    read: Callable[[int], io.BufferedIOBase], i: int, names: Sequence[str]
) -> Iterator[Image.Image]:
    """An image open for reading; whatever is wrong with it becomes one InputError naming it."""
    try:
        with read(i) as file:
            yield Image.open(cast(IO[bytes], file), formats=FORMATS)
    except _BROKEN as error:
        what = "not a picture" if isinstance(error, Image.UnidentifiedImageError) else error
        raise InputError(f"{names[i]}: cannot be decoded ({what}); replace or remove it") from error


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation as far as the file's head tells it: a PNG would be decoded to look further."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    return image.getexif().get(0x0112, 1)


def _is_gray(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "LA", "La", "I") or image.mode.startswith("I;16")


def _decoded(
    read: Callable[[int], io.BufferedIOBase],
    i: int,
    names: Sequence[str],
    gray: bool,
    size: int | None,
) -> np.ndarray:
    with _opened(read, i, names) as image:
        turn = TURNS.get(_orientation(image))
        image.load()
        image = image if turn is None else image.transpose(turn)
        if image.mode == "I" or image.mode.startswith("I;16"):
            wide = np.asarray(image).astype(np.int64)
            values = ((wide * 255 + 32767) // 65535).clip(0, 255).astype(np.uint8)[..., None]
        elif image.has_transparency_data:
            both = np.asarray(image.convert("LA" if _is_gray(image) else "RGBA")).astype(np.int64)
            colour, alpha = both[..., :-1], both[..., -1:]
            values = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        else:
            values = np.asarray(image.convert("L" if _is_gray(image) else "RGB"))
    values = np.atleast_3d(values).transpose(2, 0, 1)
    if not gray and len(values) == 1:
        values = values.repeat(3, axis=0)
    return values if size is None else area_resample(values, size)
