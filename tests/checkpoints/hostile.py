"""Files that are made to run code, to exhaust memory or time, or to reach elsewhere. Each maker writes
into the folder given and returns what to open. The canary is a file that any executed payload makes."""

import functools
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save

from checkpoints.edm_writer import edm_pickle, edm_record
from denoscope.networks import GuidedUNet, NetworkSettings, build_network

Maker = Callable[[Path], Path]
SETTINGS = NetworkSettings(
    arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1, attention=()
)
START, STOP = b"\x80\x04", b"."
CANARY = "touch canary"


@functools.cache
def good_pickle() -> bytes:
    """A small network's pickle that opens."""
    return edm_pickle(edm_record(SETTINGS))


@functools.cache
def good_weights() -> bytes:
    return save(dict(build_network(SETTINGS).state_dict()))


@functools.cache
def good_torch_file() -> bytes:
    """A small network of the kind that guided-diffusion published for 128 pixels."""
    buffer = io.BytesIO()
    network = GuidedUNet(
        128, 1, 1, width=32, multipliers=(1, 1, 2, 3, 4), blocks=1, attention=(8,), heads=4
    )
    torch.save(network.half().state_dict(), buffer)
    return buffer.getvalue()


def good_models(place: Path) -> list[Path]:
    """What opens: the pickle, and the folder that it is imported to."""
    path = place / "good.pkl"
    path.write_bytes(good_pickle())
    return [path, folder()(place)]


def good_record() -> dict[str, object]:
    return {
        "family": "EDM pickle",
        "network": SETTINGS.model_dump(mode="json"),
        "sigma_min": 0.002,
        "sigma_max": 80.0,
        "source": "x.pkl",
        "source_hash": "0" * 64,
    }


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def short(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def program(*opcodes: bytes, start: bytes = START, stop: bytes = STOP) -> Maker:
    """A file of these opcodes, whose directory is the place where a payload would leave the canary."""

    def make(place: Path) -> Path:
        path = place / "model.pkl"
        path.write_bytes(start + b"".join(opcodes) + stop)
        return path

    return make


def storage(content: bytes) -> bytes:
    """A call of torch's loader of storages, on these bytes."""
    return named("torch.storage", "_load_from_bytes") + short(content) + b"\x85R"


def legacy(
    count: int = 4,
    written: int | None = None,
    values: bytes = bytes(16),
    kind: str = "FloatStorage",
    key: str = "0",
) -> bytes:
    """The bytes of a storage in torch's format before zip files."""
    head = [pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    declared = b"\x80\x02(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key)
    declared += text("cpu") + pickle.dumps(count, 2)[2:-1] + b"NtQ."
    counted = struct.pack("<q", count if written is None else written)
    return b"".join([*head, declared, pickle.dumps([key], 2), counted, values])


def tensor(content: bytes, offset: object, size: object, stride: object) -> bytes:
    rest = b"".join(pickle.dumps(one, 2)[2:-1] for one in (offset, size, stride, False))
    return named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage(content) + rest + b"NtR"


def changed(edit: Callable[[bytes], bytes]) -> Maker:
    """A good pickle, changed."""

    def make(place: Path) -> Path:
        path = place / "model.pkl"
        path.write_bytes(edit(good_pickle()))
        return path

    return make


def setting(name: str, seed: object, grow: Callable[[object], object]) -> Maker:
    """A good network, one of whose settings grows forty times from `seed`: few bytes, endless written out."""

    def make(place: Path) -> Path:
        value = seed
        for _ in range(40):
            value = grow(value)
        path = place / "model.pkl"
        path.write_bytes(edm_pickle(edm_record(SETTINGS, **{name: value})))
        return path

    return make


def folder(record: object = None, weights: bytes | None = None, name: str = "model.json") -> Maker:
    """An imported model's folder with this record (JSON, or text as it is) and these weights."""

    def make(place: Path) -> Path:
        model = place / "model"
        model.mkdir()
        content = good_record() if record is None else record
        (model / name).write_text(content if isinstance(content, str) else json.dumps(content))
        (model / "weights.safetensors").write_bytes(good_weights() if weights is None else weights)
        return model

    return make


def network(**changes: object) -> dict[str, object]:
    record = good_record()
    return record | {"network": {**SETTINGS.model_dump(mode="json"), **changes}}


def header(content: object, values: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with this header."""
    words = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(words) if length is None else length) + words + values


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def nested_zip() -> bytes:
    """A torch zip with a path that climbs out, a link and a bomb."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("../../canary", b"x")
        out.writestr("archive/data/0", bytes(10_000_000))
        link = zipfile.ZipInfo("archive/data.pkl")
        link.external_attr = 0o120777 << 16
        out.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def torch_zip(place: Path) -> Path:
    torch.save({"ema": torch.zeros(3)}, place / "model.pkl")
    return place / "model.pkl"


def weights_of(**changes: torch.Tensor) -> bytes:
    return save({**build_network(SETTINGS).state_dict(), **changes})


def linked(target: str) -> Maker:
    def make(place: Path) -> Path:
        os.symlink(target, place / "model.pkl")
        return place / "model.pkl"

    return make


def linked_weights(place: Path) -> Path:
    model = folder()(place)
    (model / "weights.safetensors").unlink()
    os.symlink("/dev/zero", model / "weights.safetensors")
    return model


def pipe(place: Path) -> Path:
    os.mkfifo(place / "model.pkl")
    return place / "model.pkl"


def sparse(place: Path) -> Path:
    path = place / "model.pkl"
    path.write_bytes(START)
    os.truncate(path, 2**40)
    return path


SYSTEM = named("os", "system") + text(CANARY) + b"\x85"
NAME = "model.map_layer0.weight"
DEEP, PRIME = 200_000, 2**61 - 1


def torch_file(
    program: bytes, values: bytes | None = None, compression: int = zipfile.ZIP_STORED
) -> Maker:
    """A file of torch.save with this program and these values of its storage 0."""

    def make(place: Path) -> Path:
        path = place / "model.pt"
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("archive/data.pkl", START + program + STOP)
            if values is not None:
                archive.writestr("archive/data/0", values)
        return path

    return make


def stored(count: int, kind: str = "FloatStorage") -> bytes:
    """A persistent id of a storage."""
    declared = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0") + text("cpu")
    return declared + pickle.dumps(count, 2)[2:-1] + b"tQ"


BOMBS: dict[str, Maker] = {
    "text of 2^60 bytes": program(b"\x8d" + struct.pack("<Q", 2**60)),
    "bytes of 2^60": program(b"\x8e" + struct.pack("<Q", 2**60)),
    "text of 2^32 bytes": program(b"X" + struct.pack("<I", 2**32 - 1)),
    "frame of 2^60": program(b"\x95" + struct.pack("<Q", 2**60), b"N"),
    "memo place 2^32": program(b"Nr" + struct.pack("<I", 2**32 - 1)),
    "memo place 2^62 in words": program(b"Np4611686018427387904\n"),
    "number of 2^31 bytes": program(b"\x8b" + struct.pack("<i", 2**31 - 1)),
    "number of a million digits": program(b"I" + b"9" * 1_000_000 + b"\n"),
    "too many opcodes": program(b"N0" * 600_000),
    "two million marks": program(b"(" * 2_000_000),
    "tuples in tuples": program(b"N" + b"\x85" * DEEP),
    "lists in lists": program(b"]" * DEEP + b"a" * (DEEP - 1)),
    "a deep key": program(b"}N" + b"\x85" * DEEP + b"Ns"),
    "lists doubled forty times": program(b"]" + b"\x94(h\x00h\x00e" * 40),
    "a setting of lists doubled forty times": setting("embedding_type", "ha", lambda x: [x, x]),
    "an unknown setting, tripled": setting("strange", (), lambda x: (x, x, x)),
    "channels tripled": setting("out_channels", (), lambda x: (x, x, x)),
    "multipliers doubled": setting("channel_mult", 1, lambda x: [x, x]),
    "a list in itself": program(b"]\x94h\x00a"),
    "a module in itself": program(
        b"}" + text("ema") + named("torch.nn.modules.container", "ModuleDict") + b")\x81\x94",
        b"}" + text("_modules") + b"}" + text("x") + b"h\x00ssb",
        b"s",
    ),
    "a storage of 2^60 values": program(storage(legacy(2**60, values=b""))),
    "one storage ten thousand times": program(
        short(legacy(250_000, values=bytes(1_000_000))) + b"\x940",
        (named("torch.storage", "_load_from_bytes") + b"h\x00\x85R0") * 10_000,
        b"N",
    ),
    "a tensor of one value, 2^40 times": program(tensor(legacy(), 0, (2**20, 2**20), (0, 0))),
    "a huge shape": program(tensor(legacy(), 0, (2**39, 2**39), (2**39, 1))),
    "a file of a terabyte of nothing": sparse,
    "width of a billion": folder(network(width=2**30)),
    "a billion blocks": folder(network(blocks=10**9)),
    "a DiT of a prime width": folder(
        {"network": {"arch": "dit", "shape": [1, 8, 8], "width": 2305843009213693951}}
    ),
    "a DiT of a prime side": folder(
        {"network": {"arch": "dit", "shape": [1, 2305843009213693951, 2305843009213693951]}}
    ),
    "a linear map of 2^28 pixels": folder(
        {**good_record(), "network": {"arch": "linear", "shape": [1, 16384, 16384]}}
    ),
    "JSON in JSON": folder("[" * 500_000),
    "JSON objects in objects": folder('{"a":' * 150_000),
    "a record of two megabytes": folder(" " * 2_000_000 + "{}"),
    "a run's JSON in JSON": folder("[" * 500_000, name="run.json"),
    "a run's number of digits": folder(
        '{"schema_version": ' + "9" * 500_000 + "}", name="run.json"
    ),
    "safetensors header of 2^60": folder(weights=header({}, length=2**60)),
    "safetensors header in itself": folder(weights=header(b"[" * 1_000_000)),
    "safetensors shape of 2^62": folder(
        weights=header({NAME: entry([2**31, 2**31], 0, 4)}, bytes(4))
    ),
    "safetensors offsets of 2^60": folder(
        weights=header({NAME: entry([4], 2**60, 2**60 + 16)}, bytes(16))
    ),
}
BOMBS |= {
    "a torch storage of 2^60 values": torch_file(stored(2**60), b""),
    "a torch archive that unpacks a hundredfold": torch_file(
        stored(25_000_000), bytes(100_000_000), zipfile.ZIP_DEFLATED
    ),
    "a torch program without end": torch_file(b"N0" * 600_000),
}
FILES: dict[str, Maker] = BOMBS | {
    "a torch file that calls": torch_file(SYSTEM + b"R"),
    "a torch storage of os.system": torch_file(
        stored(4).replace(b"ctorch\nFloatStorage", b"cos\nsystem"), bytes(16)
    ),
    "a torch file of no model": torch_file(b"}" + text("model") + b"K\x01s"),
    "REDUCE of os.system": program(SYSTEM + b"R"),
    "GLOBAL of posix.system": program(b"cposix\nsystem\n" + text(CANARY) + b"\x85R"),
    "GLOBAL of builtins.exec": program(
        b"cbuiltins\nexec\n" + text("open('canary', 'w')") + b"\x85R"
    ),
    "STACK_GLOBAL of subprocess": program(named("subprocess", "Popen") + text(CANARY) + b"\x85R"),
    "INST": program(b"(" + text(CANARY) + b"ios\nsystem\n"),
    "OBJ": program(b"(" + named("os", "system") + text(CANARY) + b"o"),
    "NEWOBJ": program(SYSTEM + b"\x81"),
    "NEWOBJ_EX": program(SYSTEM + b"}\x92"),
    "BUILD on a module": program(named("torch", "nn") + b"}b"),
    "BUILD with __setstate__": program(
        b"}" + text("__setstate__") + named("os", "system") + b"s" + text(CANARY) + b"b"
    ),
    "EXT1": program(b"\x82\x01"),
    "EXT2": program(b"\x83\x01\x00"),
    "EXT4": program(b"\x84\x01\x00\x00\x00"),
    "PERSID": program(b"Pcanary\n"),
    "BINPERSID": program(text("canary") + b"Q"),
    "getattr on an allowed module": program(
        named("builtins", "getattr") + named("torch.storage", "_load_from_bytes") + b"\x86R"
    ),
    "a path through an allowed module": program(named("torch._utils", "sys.modules")),
    "a path through an allowed name": program(
        named("torch._utils", "_rebuild_tensor_v2.__globals__")
    ),
    "a name with spaces": program(b"ctorch.storage _load_from_bytes\n__call__\n"),
    "torch.load": program(named("torch.serialization", "load") + text("x") + b"\x85R"),
    "importlib": program(named("importlib", "import_module") + text("os") + b"\x85R"),
    "a string that is called": program(text("os.system") + text(CANARY) + b"\x85R"),
    "source text": changed(
        lambda good: good.replace(
            b"\x8c\nmodule_src\x94\x8c\x00", b"\x8c\nmodule_src\x94" + SYSTEM + b"R"
        )
    ),
    "a storage that calls": program(storage(START + SYSTEM + b"R.")),
    "a storage's class is os.system": program(
        storage(legacy().replace(b"ctorch\nFloatStorage", b"cos\nsystem"))
    ),
    "a storage in a storage": program(storage(START + storage(legacy()) + b".")),
    "a storage that is a zip": program(storage(nested_zip())),
    "a torch zip": torch_zip,
    "a storage's count differs": program(storage(legacy(4, written=5))),
    "a negative count": program(storage(legacy(-1))),
    "a storage cut off": program(storage(legacy(values=bytes(15)))),
    "negative strides": program(tensor(legacy(), 3, (4,), (-1,))),
    "a negative offset": program(tensor(legacy(), -1, (4,), (1,))),
    "beyond the storage": program(tensor(legacy(), 2, (4,), (1,))),
    "rows that overlap": program(tensor(legacy(), 0, (3, 2), (1, 1))),
    "dimensions without end": program(tensor(legacy(), 0, (1,) * 100, (1,) * 100)),
    "a shape of words": program(tensor(legacy(), 0, ("4",), (1,))),
    "an empty file": program(start=b"", stop=b""),
    "no end": program(b"}", stop=b""),
    "cut in half": changed(lambda good: good[: len(good) // 2]),
    "a stack without values": program(b"0"),
    "another's memo": program(b"h\x07"),
    "bytes that are no pickle": program(b"\xff" * 100, start=b""),
    "text that is no text": program(b"X\x02\x00\x00\x00\xff\xff"),
    "protocol 0": program(b"(dp0\nVema\nNs", start=b""),
    "duplicate keys, the last a number": program(
        b"}" + text("ema") + b"}s" + text("ema") + b"K\x01s"
    ),
    "a link to /dev/zero": linked("/dev/zero"),
    "a link to itself": linked("model.pkl"),
    "a pipe": pipe,
    "weights that are a link to /dev/zero": linked_weights,
    "weights that are not numbers": folder(
        weights=weights_of(**{NAME: torch.full((16, 4), torch.nan)})
    ),
    "weights that are integers": folder(
        weights=weights_of(**{NAME: torch.zeros(16, 4, dtype=torch.int64)})
    ),
    "weights of another shape": folder(weights=weights_of(**{NAME: torch.zeros(64)})),
    "a tensor too many": folder(weights=weights_of(more=torch.zeros(1))),
    "overlapping tensors": folder(
        weights=header({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12))
    ),
    "an unknown dtype": folder(weights=header({"a": entry([2], 0, 8, "X9")}, bytes(8))),
    "an extra key": folder({**good_record(), "__class__": "os.system"}),
    "levels that are not finite": folder('{"sigma_min": NaN}'),
}
