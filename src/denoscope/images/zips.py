"""Zips of PNG, JPEG or WebP files: EDM's layout (00000/img00000000.png ...), and plain ones.

Members are read in the order of their names, which is EDM's own order, so ids agree with it. Labels
in dataset.json are not used. Nothing is extracted: no member's name ever becomes a path.
"""

import io
import zipfile
from pathlib import Path
from typing import cast

from denoscope.errors import InputError
from denoscope.images.decoding import file_identity
from denoscope.images.encoded import SUFFIXES, is_picture, open_encoded
from denoscope.images.pictures import Pictures

__all__ = ["open_zip"]


def open_zip(path: Path, size: int | None, source: str) -> Pictures:
    """Pictures of the zip's members; names are "file.zip/member"."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a zip, or a broken one ({error}); fetch it again") from error
    with archive:
        members = sorted(
            (member for member in archive.infolist() if is_picture(member.filename)),
            key=lambda member: member.filename,
        )
        members = [member for member in members if not member.filename.startswith("__MACOSX/")]
        if not members:
            raise InputError(
                f"{path}: no picture in this zip; it must hold {', '.join(SUFFIXES)} files"
            )

        def read(i: int) -> io.BufferedIOBase:
            try:
                return cast(io.BufferedIOBase, archive.open(members[i]))
            except (zipfile.BadZipFile, NotImplementedError) as error:
                raise OSError(str(error)) from error

        names = [f"{path}/{member.filename}" for member in members]
        return open_encoded(len(members), read, names, size, source, (file_identity(path),))
