"""Every hostile folder of diffusers ends in one clear line, runs nothing, takes little memory and time."""

import pytest

pytest.importorskip("diffusers")

from checkpoints.bombs import check_bombs, check_one_clear_line
from checkpoints.hostile_diffusers import BOMBS, FILES, pipeline
from denoscope import open_denoiser
from denoscope.errors import InputError


@pytest.mark.parametrize("name", FILES)
def test_one_clear_line_and_nothing_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    where = FILES[name](tmp_path)
    with pytest.raises(InputError) as caught:
        open_denoiser(where)
    check_one_clear_line(caught.value, tmp_path)


def test_the_good_folder_opens_and_a_snapshot_of_links_too(tmp_path):
    folder = pipeline()(tmp_path)
    assert open_denoiser(folder).spec.shape == (2, 8, 8)
    # As a cache of the hub is: snapshots/REVISION/... are links to blobs/NAME.
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        (blobs / str(number)).write_bytes(path.read_bytes())
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blobs / str(number))
    assert open_denoiser(snapshot).spec.shape == (2, 8, 8)


@pytest.mark.slow
def test_bombs_take_little_memory_and_time():
    assert len(FILES) > 50
    assert len(BOMBS) > 15
    check_bombs("checkpoints.hostile_diffusers")
