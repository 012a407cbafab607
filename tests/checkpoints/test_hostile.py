"""Every hostile file ends in one clear line, runs nothing, and takes little memory and time."""

import pytest

from checkpoints.bombs import check_bombs, check_one_clear_line
from checkpoints.hostile import BOMBS, FILES, folder, good_pickle
from denoscope import open_denoiser
from denoscope.errors import InputError


@pytest.mark.parametrize("name", FILES)
def test_one_clear_line_and_nothing_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    where = FILES[name](tmp_path)
    with pytest.raises(InputError) as caught:
        open_denoiser(where)
    check_one_clear_line(caught.value, tmp_path)


def test_the_good_files_open(tmp_path):
    (tmp_path / "good.pkl").write_bytes(good_pickle())
    assert open_denoiser(tmp_path / "good.pkl").spec.shape == (1, 8, 8)
    assert open_denoiser(folder()(tmp_path)).spec.shape == (1, 8, 8)


@pytest.mark.slow
def test_bombs_take_little_memory_and_time():
    assert len(FILES) > 60
    assert len(BOMBS) > 30
    check_bombs("checkpoints.hostile")
