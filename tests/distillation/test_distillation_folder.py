"""The folder: each level put down whole, taken up again by the same words alone."""

import json

import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from denoscope.checkpoints import open_denoiser
from denoscope.closed_form import MultiDeltaDenoiser
from denoscope.distillation import DistillationFolder, distill
from denoscope.errors import InputError
from denoscope.tables import MEASUREMENTS

ASKED = {"inputs": "held_out", "seed": 0, "pictures": {"fit": 280}, "levels": [2.0, 0.5]}


@pytest.fixture(scope="module")
def fits(learned, others):
    levels = torch.tensor([2.0, 0.5])
    return list(distill(MultiDeltaDenoiser(learned), others, levels=levels, budget=300))


def test_a_level_comes_back_as_it_was(tmp_path, fits):
    folder = DistillationFolder(tmp_path / "out", ASKED)
    assert folder.kept(0) is None
    folder.keep(1, fits[1])
    again = DistillationFolder(tmp_path / "out", ASKED)
    assert again.found is None
    back = again.kept(1)
    assert back is not None
    assert torch.equal(back.matrix, fits[1].matrix)
    assert torch.equal(back.bias, fits[1].bias)
    for name in ("sigma", "score", "gain", "error", "evaluations", "stopped", "validation"):
        assert getattr(back, name) == getattr(fits[1], name), name
    assert again.kept(0) is None


def test_finished_it_holds_the_denoiser_the_table_and_the_record(tmp_path, fits, others):
    out = tmp_path / "out"
    folder = DistillationFolder(out, ASKED)
    for place, fit in enumerate(fits):
        folder.keep(place, fit)
    folder.finish({2.1: fits[0], 0.5: fits[1]}, others.shape, seconds=1.0)
    assert {path.name for path in out.iterdir()} == {
        *("distillation.json", "linear.safetensors", "measurements.parquet")
    }
    linear = open_denoiser(out)
    assert torch.equal(linear.matrices[1], fits[1].matrix.float())
    table = pl.read_parquet(out / "measurements.parquet")
    assert table.schema == MEASUREMENTS
    assert table.height == 2 * 8
    row = table.filter(metric="score_error", denoiser="network", reference="linear", sigma=2.1)
    assert row.select("sigma_used", "mean", "n").row(0) == (2.0, fits[0].score.value, 80)
    gained = table.filter(metric="score_error_difference", sigma=0.5)["mean"].item()
    assert gained == -fits[1].gain.value
    assert DistillationFolder(out, ASKED).found == json.loads(folder.record.read_text())["found"]


def test_other_words_and_other_things_are_refused(tmp_path, fits):
    out = tmp_path / "out"
    DistillationFolder(out, ASKED)
    with pytest.raises(InputError, match="holds a distillation of another seed: repeat its words"):
        DistillationFolder(out, {**ASKED, "seed": 1})
    (out / "distillation.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        DistillationFolder(out, ASKED)
    other = tmp_path / "other"
    other.mkdir()
    DistillationFolder(other, ASKED)  # empty: taken
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="no distillation: give a new or empty folder"):
            DistillationFolder(place, ASKED)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_broken_level_is_told(tmp_path):
    folder = DistillationFolder(tmp_path / "out", ASKED)
    path = tmp_path / "out" / "levels" / "00.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"half")
    with pytest.raises(InputError, match="remove it to have that level distilled again"):
        folder.kept(0)
    save_file({"matrix": torch.zeros(2, 2)}, path, metadata={"denoscope": "{}"})
    with pytest.raises(InputError, match="remove it"):
        folder.kept(0)
