"""Files of torch.save: what is in them comes back, and nothing of a hostile one is run."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from denoscope.checkpoints.foreign.torch_files import read_torch_file
from denoscope.errors import InputError

PROGRAM, VALUES = "archive/data.pkl", "archive/data/0"


def parts(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return path


def test_what_was_saved_comes_back(tmp_path):
    shared = torch.arange(12.0).reshape(3, 4)
    layer = torch.nn.BatchNorm2d(3)
    saved = {
        "model": layer.state_dict(),
        "shared": shared,
        "column": shared[:, 1],
        "half": shared.half(),
        "opt": torch.optim.Adam(layer.parameters()).state_dict(),
        "none": None,
    }
    torch.save(saved, tmp_path / "x.pt")
    found, digest = read_torch_file(tmp_path / "x.pt")
    assert len(digest) == 64
    assert found.keys() == saved.keys()
    assert found["model"].keys() == layer.state_dict().keys()
    for name in ("shared", "column", "half"):
        assert torch.equal(found[name], saved[name])
    assert found["column"].untyped_storage().data_ptr() == found["shared"].data_ptr()


def hostile():
    good = parts({"x": torch.zeros(4)})
    count = good[PROGRAM].replace(b"K\x04tq", b"J\xff\xff\xff\x7ftq")
    assert count != good[PROGRAM]
    system = pickle.dumps({"x": Path}, 2)
    return {
        "a name of another module": (good | {PROGRAM: system}, "wants pathlib"),
        "a count of two thousand million": (good | {PROGRAM: count}, "missing or of another size"),
        "values cut": (good | {VALUES: bytes(12)}, "missing or of another size"),
        "no values": ({PROGRAM: good[PROGRAM]}, "missing or of another size"),
        "no program": ({VALUES: bytes(16)}, "none that torch.save wrote"),
        "two programs": (good | {"b/data.pkl": b"N."}, "none that torch.save wrote"),
        "another order of bytes": (good | {"archive/byteorder": b"big"}, "the first byte last"),
        "a program cut": (good | {PROGRAM: good[PROGRAM][:40]}, "damaged|cut off"),
    }


@pytest.mark.parametrize("name", hostile())
def test_one_line_for_a_hostile_file(tmp_path, name):
    content, says = hostile()[name]
    with pytest.raises(InputError, match=says) as caught:
        read_torch_file(packed(tmp_path / "x.pt", content))
    assert "\n" not in str(caught.value)


def test_compressed_and_damaged_archives_are_refused(tmp_path):
    good = parts({"x": torch.zeros(1000)})
    path = packed(tmp_path / "x.pt", good, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed or too large"):
        read_torch_file(path)
    whole = packed(path, good).read_bytes()
    at = whole.index(good[VALUES][:100])
    for damaged in (b"", b"PK", whole[: len(whole) // 2], whole[:at] + b"\1" + whole[at + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(InputError):
            read_torch_file(path)
