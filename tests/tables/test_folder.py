import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from denoscope.errors import InputError, RunError
from denoscope.tables import AuditTables, check_output, read_audit, write_audit, write_file
from denoscope.tables import folder as folder_module
from synthetic_audit import synthetic_audit

PIECES = [
    "measurements.parquet",
    "pictures.npz",
    "samples.parquet",
    "summary.json",
    "values.parquet",
]


def listing(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_what_is_written_is_read(tmp_path):
    tables = synthetic_audit()
    assert write_audit(tmp_path / "a" / "audit", tables) == (tmp_path / "a" / "audit").resolve()
    assert listing(tmp_path / "a" / "audit") == PIECES
    assert listing(tmp_path / "a") == ["audit"]
    back = read_audit(tmp_path / "a" / "audit")
    for name in ("measurements", "values", "samples"):
        assert getattr(back, name).equals(getattr(tables, name))
    assert back.summary == tables.summary
    assert back.pictures.keys() == tables.pictures.keys()
    assert all(np.array_equal(back.pictures[key], tables.pictures[key]) for key in back.pictures)


def test_an_empty_folder_is_taken_and_an_audit_replaced_only_on_demand(tmp_path):
    small = synthetic_audit(samples=False, pictures=False)
    place = tmp_path / "audit"
    place.mkdir()
    write_audit(place, small)
    (place / "report.html").write_text("stale")
    with pytest.raises(InputError, match="holds an audit already"):
        write_audit(place, small)
    write_audit(place, synthetic_audit(), overwrite=True)
    assert listing(place) == PIECES
    assert listing(tmp_path) == ["audit"]


def test_what_is_not_an_audit_is_never_replaced(tmp_path):
    small = synthetic_audit(samples=False, pictures=False)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"holds chapter.tex and is no audit"):
        write_audit(tmp_path / "thesis", small, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        write_audit(tmp_path / "file", small, overwrite=True)
    with pytest.raises(InputError, match="cannot be written"):
        write_audit(tmp_path / "file" / "audit", small)
    write_audit(tmp_path / "audit", small)
    (tmp_path / "audit" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes.txt, which is no part of an audit"):
        check_output(tmp_path / "audit", overwrite=True)
    assert listing(tmp_path) == ["audit", "file", "thesis"]


def test_asking_leaves_nothing_behind(tmp_path):
    check_output(tmp_path / "not" / "there" / "yet")
    assert listing(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="needs /proc")
def test_a_place_that_cannot_be_written_is_refused():
    with pytest.raises(InputError, match="cannot be written"):
        check_output("/proc/denoscope/audit")


@pytest.mark.parametrize("stage", ["savez_compressed", "rename"])
def test_a_full_disk_leaves_the_old_audit_and_nothing_else(tmp_path, monkeypatch, stage):
    tables = synthetic_audit(samples=False, pictures=False)
    write_audit(tmp_path / "audit", tables)
    before = (tmp_path / "audit" / "summary.json").read_bytes()
    real, calls = os.rename, []

    def full(*args, **kwargs):
        calls.append(args)
        if stage == "rename" and len(calls) != 2:  # the second: new audit into its place
            return real(*args)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_module.os if stage == "rename" else folder_module.np, stage, full)
    with pytest.raises(RunError, match="no space left"):
        write_audit(tmp_path / "audit", tables, overwrite=True)
    assert listing(tmp_path) == ["audit"]
    assert (tmp_path / "audit" / "summary.json").read_bytes() == before
    assert listing(tmp_path / "audit") == PIECES


def test_a_folder_that_is_no_audit_is_named(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        read_audit(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no summary.json and is no audit"):
        read_audit(tmp_path)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("fault", ["missing", "empty", "truncated", "garbage"])
def test_a_faulty_piece_is_named(tmp_path, piece, fault):
    write_audit(tmp_path / "audit", synthetic_audit(n_samples=4))
    path = tmp_path / "audit" / piece
    whole = path.read_bytes()
    if fault == "missing":
        path.unlink()
    else:
        faulty = {"empty": b"", "truncated": whole[: len(whole) // 2], "garbage": b"\x80" * 999}
        path.write_bytes(faulty[fault])
    with pytest.raises(InputError) as caught:
        read_audit(tmp_path / "audit")
    assert piece in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet_bytes_flipped_anywhere_never_bring_a_traceback(tmp_path):
    write_audit(tmp_path / "audit", synthetic_audit(samples=False, pictures=False))
    path = tmp_path / "audit" / "measurements.parquet"
    whole = path.read_bytes()
    draw = np.random.default_rng(0)
    for at in [*draw.integers(0, len(whole), 20), *range(len(whole) - 24, len(whole), 3)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_audit(tmp_path / "audit")  # a flip may fall on what changes nothing
        except InputError as error:
            assert "measurements.parquet" in str(error)  # noqa: PT017


def test_another_table_in_its_place_is_named(tmp_path):
    place = write_audit(tmp_path / "audit", synthetic_audit(samples=False, pictures=False))
    (place / "values.parquet").write_bytes((place / "measurements.parquet").read_bytes())
    with pytest.raises(InputError, match=r"values.parquet: values: unknown column 'mean'"):
        read_audit(place)


def test_pickled_arrays_are_not_unpickled(tmp_path):
    place = write_audit(tmp_path / "audit", synthetic_audit(samples=False, pictures=False))
    buffer = io.BytesIO()
    np.savez(buffer, **{"sample/network": np.array([{"a": 1}], dtype=object)})
    (place / "pictures.npz").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"pictures.npz is corrupt"):
        read_audit(place)


@pytest.mark.parametrize(
    ("key", "shape", "kind"),
    [
        ("sample/network", (2, 1, 4, 4), np.float32),
        ("sample/network", (2, 4, 4), np.uint8),
        ("sample/network", (2, 2, 4, 4), np.uint8),
        ("trajectory/network", (2, 1, 4, 4), np.uint8),
        ("denoise/noisy", (2, 1, 4, 4), np.uint8),
        ("elsewhere/network", (2, 1, 4, 4), np.uint8),
        ("network", (2, 1, 4, 4), np.uint8),
    ],
)
def test_pictures_must_follow_their_shapes(key, shape, kind):
    small = synthetic_audit(samples=False, pictures=False)
    with pytest.raises(InputError, match="pictures: "):
        AuditTables(small.measurements, small.summary, pictures={key: np.zeros(shape, kind)})


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write_file(tmp_path / "new" / "page.html", b"one")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "bad")))
    with pytest.raises(RunError, match="bad"):
        write_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert listing(path.parent) == ["page.html"]
    with pytest.raises(InputError, match="it is a folder"):
        write_file(tmp_path / "new", b"three")


def test_the_summary_is_plain_json(tmp_path):
    place = write_audit(tmp_path / "audit", synthetic_audit(samples=False, pictures=False))
    assert json.loads((place / "summary.json").read_text())["schema_version"] == 1
