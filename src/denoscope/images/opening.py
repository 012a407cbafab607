"""One door for pictures: `open_images(where, size=None)`."""

import difflib
import os
from pathlib import Path

from denoscope.errors import InputError
from denoscope.images.folders import open_folder
from denoscope.images.hub import open_hub
from denoscope.images.idx import idx_files, open_idx
from denoscope.images.named import NAMED, open_named
from denoscope.images.npz import open_npz
from denoscope.images.pictures import Pictures
from denoscope.images.resampling import check_size
from denoscope.images.zips import open_zip

__all__ = ["open_images"]


def open_images(where: str | os.PathLike[str], size: int | None = None) -> Pictures:
    """Open real pictures from wherever they are.

    where: a named set (`digits`, `mnist-5k`, `mnist`, `fashion-mnist`, `cifar10`; a name wins over
        a folder of that name: write ./digits for that), a folder of PNG, JPEG or WebP files or of
        idx files, a .zip (EDM's layout too), a .npz or .npy, an idx file, or `hf:owner/name`.
    size: the wanted height and width: centre crop to a square, then exact area resampling.

    Returns Pictures: uint8 (N, C, H, W), ids 0..N-1. Raises InputError, one line, on anything that
    cannot be opened.
    """
    check_size(size)
    text = os.fspath(where)
    if text.startswith("hf:"):
        return open_hub(text.removeprefix("hf:"), size, text)
    if text in NAMED:
        return open_named(text, size)
    path = Path(text).expanduser()
    if not text or not path.exists():
        raise InputError(_unknown(text))
    if path.is_dir():
        files = idx_files(path)
        if files:
            return open_idx(files, size, text)
        return open_folder(path, size, text)
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return open_zip(path, size, text)
    if suffix in (".npz", ".npy"):
        return open_npz(path, size, text)
    if "idx3-ubyte" in path.name:
        return open_idx([path], size, text)
    raise InputError(
        f"{text}: not a known kind of data; give a folder of PNG, JPEG or WebP files, "
        "or of idx files, a .zip, a .npz or .npy, an idx file, or a named set"
    )


def _unknown(text: str) -> str:
    near = difflib.get_close_matches(text.lower(), NAMED, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return (
        f"{text!r}: no such file or folder, and no named set; "
        f"{hint}named sets: {', '.join(NAMED)}; or hf:owner/name"
    )
