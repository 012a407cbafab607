"""A folder that appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from denoscope.errors import InputError

__all__ = ["check_new_folder", "whole_folder"]


def check_new_folder(folder: Path) -> Path:
    """The folder's full path, if it is new or empty and can be made; asked before any work.

    Raises InputError, or OSError where the system refuses.
    """
    target = folder.expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise InputError(f"{folder} is a file: give a new or empty folder for --out")
    if target.exists() and any(target.iterdir()):
        raise InputError(f"{folder} holds something already: give a new or empty folder for --out")
    above = target.parent
    while not above.exists():
        above = above.parent
    os.rmdir(tempfile.mkdtemp(prefix=".denoscope-", dir=above))
    return target


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Write to the folder yielded; it takes the place of `target`, or vanishes on any failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.writing-", dir=target.parent))
    try:
        yield staging
        staging.chmod(0o755)
        os.rename(staging, target)  # an empty folder in the way is replaced
    finally:
        shutil.rmtree(staging, ignore_errors=True)
