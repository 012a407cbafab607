"""Files of `torch.save` (`*.pt`), read without running them.

Such a file is a zip archive that holds nothing compressed: `NAME/data.pkl`, a pickle in which every
storage is a persistent id ("storage", class, key, place, count), and the values of each storage as
they are, in `NAME/data/KEY`. `torch.save` wrote another format before 1.6; that is not read.
"""

import hashlib
import mmap
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

from denoscope.checkpoints.foreign.pickle_machine import Allowance, run_pickle
from denoscope.checkpoints.foreign.pickled_tensors import (
    DTYPES,
    Storage,
    declaration,
    tensor_makers,
)
from denoscope.errors import InputError

__all__ = ["is_torch_file", "read_torch_file"]

MOST_BYTES = 16 * 2**30
MOST_ENTRIES, MOST_PICKLE = 100_000, 64 * 2**20  # ours have some 1,000, and 100 kB

# What zipfile raises for an archive that is none, is cut, or wants what torch's never do.
DAMAGE = (zipfile.BadZipFile, ValueError, struct.error, EOFError, OSError, RuntimeError)


def is_torch_file(path: Path) -> bool:
    """Whether this is a file that is called as torch's are."""
    return path.suffix in (".pt", ".pth") and path.is_file()


def read_torch_file(path: Path) -> tuple[Any, str]:
    """(what was saved, SHA-256 of the file): tensors and plain values in dictionaries and lists.

    Tensors share their storages, as they did. Raises InputError for a file that holds anything
    else, is damaged, or is in the format before zip files.
    """
    where = os.fspath(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= MOST_BYTES:
            raise InputError(f"{where} has {size:,} bytes: a model has 1 to {MOST_BYTES:,}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            digest = hashlib.sha256(content).hexdigest()
        try:
            with zipfile.ZipFile(file) as archive:
                return _Archive(archive, size, where).read(), digest
        except InputError:
            raise
        except DAMAGE as error:
            raise InputError(
                f"{where} is no whole file of torch.save since 1.6: restore it from a copy, or save "
                "it again with a newer torch"
            ) from error


class _Archive:
    def __init__(self, archive: zipfile.ZipFile, size: int, where: str) -> None:
        self.archive, self.size, self.where = archive, size, where
        self.allowance = Allowance(tensor_bytes=size)
        self.entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [
            name for name in self.entries if name.count("/") == 1 and name.endswith("/data.pkl")
        ]
        if len(pickles) != 1 or len(self.entries) > MOST_ENTRIES:
            raise InputError(f"{where} is an archive, but none that torch.save wrote")
        self.folder = pickles[0].removesuffix("data.pkl")
        self.storages: dict[str, Storage] = {}

    def read(self) -> Any:
        order = self.folder + "byteorder"
        if order in self.entries and self.content(order, 16) != b"little":
            raise InputError(f"{self.where} is of a machine that writes the first byte last")
        makers = tensor_makers(self.allowance, self.where)
        makers |= {f"torch.{kind}Storage": never_made for kind in DTYPES}
        with self.opened(self.folder + "data.pkl", MOST_PICKLE) as program:
            return run_pickle(program, makers, self.allowance, self.where, persistent=self.storage)

    def opened(self, name: str, most: int) -> Any:
        entry = self.entries.get(name)
        if entry is None:
            raise InputError(f"{self.where} is cut: its archive has no {name.rpartition('/')[2]}")
        plain = entry.compress_type == zipfile.ZIP_STORED
        if not plain or entry.file_size != entry.compress_size or entry.file_size > most:
            raise InputError(
                f"{self.where} has a part that is compressed or too large: torch's are not"
            )
        return self.archive.open(entry)

    def content(self, name: str, most: int) -> bytes:
        with self.opened(name, most) as part:
            return part.read()

    def storage(self, described: object) -> Storage:
        """The values of a persistent id, read once. What it claims is held to what is there."""
        dtype, key, count = declaration(described)
        known = self.storages.get(key)
        if known is not None:
            if (known.values.dtype, len(known.values)) != (dtype, count):
                raise ValueError("a storage is declared in two ways")
            return known
        name = f"{self.folder}data/{key}"
        entry = self.entries.get(name)
        if entry is None or entry.file_size != count * dtype.itemsize:
            raise ValueError(f"a storage of {count} values is missing or of another size")
        self.allowance.tensor_bytes -= entry.file_size
        if self.allowance.tensor_bytes < 0:
            raise ValueError("its tensors hold more than the file")
        values = bytearray(self.content(name, self.size))
        flat = torch.frombuffer(values, dtype=dtype) if count else torch.empty(0, dtype=dtype)
        self.storages[key] = Storage(flat)
        return self.storages[key]


def never_made(*_: object) -> object:
    raise ValueError("a storage is made from nothing")
