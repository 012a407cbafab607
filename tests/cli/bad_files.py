"""Files and folders that are wrong, each in one way. Every maker writes into the folder given."""

import gzip
import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

Maker = Callable[[Path], None]


def png(side: int = 8) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(place: Path, *contents: bytes) -> None:
    """The folder `data` of these files, as PNG by name."""
    (place / "data").mkdir()
    for number, content in enumerate(contents):
        (place / "data" / f"{number}.png").write_bytes(content)


def file(name: str, content: bytes | str = b"") -> Maker:
    """A maker of one file."""

    def make(place: Path) -> None:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def archive(*members: tuple[str, bytes], cut: int = 0) -> Maker:
    """A maker of data.zip; `cut` bytes are missing at its end."""

    def make(place: Path) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as out:
            for name, content in members:
                out.writestr(name, content)
        whole = buffer.getvalue()
        (place / "data.zip").write_bytes(whole[: len(whole) - cut])

    return make


def damaged_zip(place: Path) -> None:
    """A member's bytes were changed: its checksum no longer fits."""
    archive(("0.png", png()))(place)
    content = (place / "data.zip").read_bytes()
    (place / "data.zip").write_bytes(content.replace(b"IDAT", b"IDAX", 1))


def npz(cut: int = 0, **arrays: np.ndarray) -> Maker:
    """A maker of data.npz."""

    def make(place: Path) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        whole = buffer.getvalue()
        (place / "data.npz").write_bytes(whole[: len(whole) - cut])

    return make


def idx(count: int, promised: int, *, magic: int = 0x803, cut: int = 0) -> Maker:
    """A maker of train-images-idx3-ubyte.gz that promises another number of 8x8 pictures than it holds."""

    def make(place: Path) -> None:
        packed = gzip.compress(struct.pack(">IIII", magic, promised, 8, 8) + bytes(count * 64))
        (place / "train-images-idx3-ubyte.gz").write_bytes(packed[: len(packed) - cut])

    return make


def model(body: str, name: str, *, before: str = "") -> Maker:
    """A maker of NAME.py whose open_model() returns a denoiser of 8x8 gray pictures with this body."""
    text = f"""
import os, signal
import torch
from denoscope.denoiser import FunctionDenoiser, Spec
{before}
def denoise(x, sigma):
    {body}

def open_model():
    return FunctionDenoiser(denoise, Spec("mine", (1, 8, 8), 0.002, 80.0))

f = open_model

def broken():
    raise ValueError("no weights here")

def number():
    return 3
"""
    return file(f"{name}.py", text)


def weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Maker:
    """A maker that changes the tensors of the run's weights."""

    def make(place: Path) -> None:
        path = place / "run" / "weights.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return make


def nan_weights(tensors: dict[str, torch.Tensor]) -> None:
    next(value for value in tensors.values() if value.is_floating_point()).flatten()[0] = torch.nan


def other_weights(tensors: dict[str, torch.Tensor]) -> None:
    name = next(iter(tensors))
    tensors[name] = torch.zeros(3, 3)


def cut(name: str, keep: int) -> Maker:
    """A maker that keeps the first bytes of a file alone."""

    def make(place: Path) -> None:
        os.truncate(place / name, keep)

    return make


def edit(name: str, **changes: object) -> Maker:
    """A maker that changes a JSON file; "data__where" reaches inside."""

    def make(place: Path) -> None:
        content = json.loads((place / name).read_text())
        for key, value in changes.items():
            *above, last = key.split("__")
            target = content
            for part in above:
                target = target[part]
            target[last] = value
        (place / name).write_text(json.dumps(content))

    return make


def remove(name: str) -> Maker:
    """A maker that takes a file away."""

    def make(place: Path) -> None:
        (place / name).unlink()

    return make
