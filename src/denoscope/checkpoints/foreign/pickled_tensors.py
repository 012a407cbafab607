"""Tensors as torch writes them into a plain pickle (`pickle.dump`, not `torch.save`).

A tensor is `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)`, and a storage is
`torch.storage._load_from_bytes(bytes)`, where the bytes are those of `torch.save` in its format
before zip files: five pickles (a magic number, the format's version, facts of the machine, the
storage as a persistent id, the keys), then for each key the count, 8 bytes, and the values.
`TENSOR_MAKERS` stands for all that in `run_pickle`.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.checkpoints.foreign.pickle_machine import (
    Allowance,
    Global,
    Record,
    run_pickle,
    shown,
)

__all__ = ["DTYPES", "Storage", "array_values", "declaration", "tensor_makers"]

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
DTYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
NUMBERS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "b1": "?"}
MOST_DIMENSIONS = 8
MOST_LISTED = 1000  # values of an array


@dataclass(frozen=True)
class Storage:
    """The values of a storage, flat, and whose."""

    values: Tensor


def tensor_makers(allowance: Allowance, where: str) -> dict[str, Callable[..., object]]:
    """What stands for torch's and numpy's names in a plain pickle, as `run_pickle` takes it."""

    def load_storage(content: object, *_: object) -> Storage:
        return _storage(content, allowance, where)

    numpy: dict[str, Callable[..., object]] = {"numpy.ndarray": _never}
    for core in ("core", "_core"):
        numpy[f"numpy.{core}.multiarray.scalar"] = _scalar
        for name in ("multiarray._reconstruct", "numeric._frombuffer"):
            numpy[f"numpy.{core}.{name}"] = lambda *given: Record("numpy.ndarray", given)
    return {
        "collections.OrderedDict": _dictionary,
        "builtins.set": _members,
        "torch.storage._load_from_bytes": load_storage,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "numpy.dtype": lambda *given: Record("numpy.dtype", given),
        **numpy,
    }


def _dictionary(items: object = ()) -> dict[str, object]:
    """OrderedDict(), or of pairs."""
    if not isinstance(items, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str)
        for pair in items
    ):
        raise ValueError("a dictionary is not made of pairs")
    return dict(items)


def _members(items: object = ()) -> list[object]:
    """A set, as the list of its members: no network's weights are in one."""
    if not isinstance(items, list | tuple):
        raise ValueError("a set is not made of a list")
    return list(items)


def array_values(array: object) -> tuple[float, ...] | None:
    """The values of a small numpy array of floats, along one dimension; None for anything else.

    numpy writes it as a state (version, shape, dtype, order, bytes) or, since pickle's protocol 5,
    as arguments (bytes, dtype, shape, order).
    """
    match array:
        case Record(name="numpy.ndarray", state=(_, (int(count),), dtype, _, bytes(content))):
            pass
        case Record(
            arguments=(bytes() | bytearray() as content, dtype, (int(count),), _), state=None
        ):
            pass
        case _:
            return None
    if not 0 < count <= MOST_LISTED:
        return None
    size = len(content) // count
    parts = [bytes(content[start : start + size]) for start in range(0, count * size, size or 1)]
    try:
        return tuple(float(_scalar(dtype, one)) for one in parts)
    except ValueError:
        return None


def _scalar(dtype: object, content: object) -> float | int | bool:
    kind = dtype.arguments[0] if isinstance(dtype, Record) and dtype.arguments else None
    big = isinstance(dtype, Record) and isinstance(dtype.state, tuple) and ">" in dtype.state[1:2]
    if not isinstance(kind, str) or kind not in NUMBERS or not isinstance(content, bytes) or big:
        raise ValueError(f"a numpy number of kind {shown(kind)}")
    try:
        return struct.unpack("<" + NUMBERS[kind], content)[0]
    except struct.error as error:
        raise ValueError("a numpy number of the wrong size") from error


def _parameter(data: object, *_: object) -> Tensor:
    if not isinstance(data, Tensor):
        raise ValueError("a parameter is no tensor")
    return data


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> Tensor:
    """A view of the storage that shows no value twice.

    So a tensor never claims more than its storage has, whatever is done to it later.
    """
    if not isinstance(storage, Storage):
        raise ValueError("a tensor has no storage")
    size, stride = _whole_numbers(size), _whole_numbers(stride)
    (start,) = _whole_numbers((offset,))
    if len(size) != len(stride) or len(size) > MOST_DIMENSIONS:
        raise ValueError("a tensor's size and strides do not fit")
    reach = 1  # places up to here are taken by the dimensions of smaller stride
    for step, count in sorted(zip(stride, size, strict=True)):
        if count > 1 and step < reach:
            raise ValueError("a tensor shows one value in several places")
        reach = max(reach, step * (count - 1) + reach) if count > 1 else reach
    if 0 in size or start + reach > len(storage.values):
        raise ValueError("a tensor is empty or reaches beyond its storage")
    return storage.values.as_strided(size, stride, start)


def _whole_numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(
        type(value) is int and 0 <= value < 2**40 for value in values
    ):
        raise ValueError("a tensor's size, strides or offset are no counts")
    return values


def _storage(content: object, allowance: Allowance, where: str) -> Storage:
    if not isinstance(content, bytes):
        raise ValueError("a storage is no bytes")
    if content[:2] == b"PK":
        raise ValueError("a storage is an archive, which torch never writes there")
    stream = io.BytesIO(content)  # shares the bytes
    magic, version, facts = (run_pickle(stream, {}, allowance, where) for _ in range(3))
    if (magic, version) != (MAGIC, VERSION) or not isinstance(facts, dict):
        raise ValueError("a storage is not in torch's format")
    if facts.get("little_endian") is not True:
        raise ValueError("a storage of a machine that writes the first byte last")
    makers = {f"torch.{kind}Storage": _never for kind in DTYPES}
    declared = run_pickle(stream, makers, allowance, where, persistent=declaration)
    keys = run_pickle(stream, {}, allowance, where)
    if not isinstance(declared, tuple) or keys != [declared[1]]:
        raise ValueError("a storage's content is not its own")
    dtype, _, count = declared
    (written,) = struct.unpack("<q", stream.read(8).rjust(8, b"\xff"))
    size = count * dtype.itemsize
    start = stream.tell()
    if written != count or len(content) - start < size:
        raise ValueError(f"a storage of {count} values is cut off")
    allowance.tensor_bytes -= size
    if allowance.tensor_bytes < 0:
        raise ValueError("its tensors hold more than the file")
    if not count:
        return Storage(torch.empty(0, dtype=dtype))
    return Storage(torch.frombuffer(bytearray(content[start : start + size]), dtype=dtype))


def declaration(described: object) -> tuple[torch.dtype, str, int]:
    """(dtype, key, count) of ("storage", class, key, device, count, None)."""
    match described:
        case ("storage", Global(name=name), str(key), str(_), int(count), *_) if count >= 0:
            return DTYPES[name.removeprefix("torch.").removesuffix("Storage")], key, count
    raise ValueError("a storage is not declared as torch does")


def _never(*_: object) -> object:
    raise ValueError("a storage is made from nothing")
