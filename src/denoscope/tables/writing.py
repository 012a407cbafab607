"""Writing so that a reader never meets half a file, and faults of the disk become plain words."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from denoscope.errors import InputError, RunError

__all__ = ["plain_errors", "umask", "write_file"]

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


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a file whole or not at all: to a hidden sibling, then renamed over `path`."""
    target = Path(path).expanduser().resolve()
    with plain_errors(path):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, staging = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with open(handle, "wb") as stream:
                stream.write(content)
            os.chmod(staging, 0o666 & ~umask())
            os.replace(staging, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(staging)
    return target


def umask() -> int:
    """The process's umask; temporary files are private, what is kept should not be."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
