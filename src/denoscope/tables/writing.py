"""Writing so that a reader never meets half a file, and faults of the disk become plain words."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from denoscope.errors import InputError, RunError

__all__ = ["plain_errors", "replacing", "umask", "write_file"]

_REFUSED = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
    *(errno.ENOENT, errno.ELOOP),
}


@contextlib.contextmanager
def plain_errors(where: str | Path) -> Iterator[None]:
    """Turn an OSError into InputError (may not write there) or RunError (disk full, failing)."""
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSED:
            raise InputError(
                f"{where} cannot be written ({error.strerror}); give a place you may write to"
            ) from error
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "no space left on the disk" if full else error.strerror or str(error)
        raise RunError(f"{where}: writing failed ({what}); nothing half-written is left") from error


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write to the path yielded; on success it takes `path`'s place at once, else it vanishes.

    The sibling has a fixed name, so that what a killed program left is overwritten by the next.
    """
    target = Path(path).expanduser().resolve()
    partial = target.with_name(target.name + ".partial")
    with plain_errors(path):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.chmod(0o666 & ~umask())  # some writers make private files
            with open(partial, "rb") as stream:
                os.fsync(stream.fileno())
            os.replace(partial, target)
        finally:
            # Not there, or its folder is a file: the first error has said it.
            with contextlib.suppress(OSError):
                partial.unlink()


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a file whole or not at all; return its full path."""
    with replacing(path) as partial:
        partial.write_bytes(content)
    return Path(path).expanduser().resolve()


def umask() -> int:
    """The process's umask; temporary files are private, what is kept should not be."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
