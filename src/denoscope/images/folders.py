"""A folder of PNG, JPEG or WebP files and its subfolders, in the order of their paths."""

import os
from pathlib import Path

from denoscope.errors import InputError
from denoscope.images.decoding import file_identity
from denoscope.images.encoded import SUFFIXES, is_picture, open_encoded
from denoscope.images.pictures import Pictures

__all__ = ["open_folder"]


def open_folder(folder: Path, size: int | None, source: str) -> Pictures:
    """Pictures of all files in the folder and below, sorted by path, which gives the ids."""
    files = []
    for parent, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        files += [Path(parent, name) for name in names if is_picture(name)]
    if not files:
        raise InputError(
            f"{source}: no picture in this folder; it must hold {', '.join(SUFFIXES)} or idx files"
        )
    files.sort(key=lambda path: path.relative_to(folder).parts)
    try:
        identity = tuple(file_identity(path) for path in files)
    except OSError as error:
        raise InputError(
            f"{error.filename}: cannot be read ({error.strerror}); remove it"
        ) from error
    names = [str(path) for path in files]
    return open_encoded(len(files), lambda i: files[i].open("rb"), names, size, source, identity)
