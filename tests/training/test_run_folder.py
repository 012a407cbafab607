import json

import pytest
import torch

from denoscope.errors import InputError
from denoscope.training import prepare_run, train
from denoscope.training.folder import cut_log, snapshot_path, state_path, weights_path
from denoscope.training.state import read_progress, save_weights


@pytest.fixture
def finished(tmp_path, settings_of, record, pictures):
    """A finished run of four steps, and its settings."""
    settings = settings_of(kimg=0.016)
    list(train(settings, pictures, tmp_path / "run", data=record))
    return tmp_path / "run", settings


def test_a_new_folder_holds_its_record(tmp_path, settings_of, record):
    for resume in (False, True):  # a run may be killed before it has written anything
        out = tmp_path / f"deep/{resume}"
        prepare_run(out, settings_of(), record, resume=resume)
        assert [path.name for path in out.iterdir()] == ["run.json"]


def test_folders_that_hold_something_else_are_refused(tmp_path, settings_of, record):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for out in ("file", "full"):
        for resume in (False, True):
            with pytest.raises(InputError, match="is not a denoscope run"):
                prepare_run(tmp_path / out, settings_of(), record, resume=resume)
    with pytest.raises(InputError, match="cannot be written"):
        prepare_run(tmp_path / "file" / "run", settings_of(), record, resume=False)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "full", "thesis.txt"]


def test_a_run_is_not_overwritten(tmp_path, settings_of, record):
    prepare_run(tmp_path, settings_of(), record, resume=False)
    with pytest.raises(InputError, match="already holds a run: add --resume"):
        prepare_run(tmp_path, settings_of(), record, resume=False)


def test_a_leftover_of_a_kill_is_harmless(tmp_path, settings_of, record):
    (tmp_path / "run.json.partial").write_text("{")
    prepare_run(tmp_path, settings_of(), record, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 5e-3}, r"other settings \(learning_rate\)"),
        ({"dropout": 0.1}, r"other settings \(network\)"),
        ({"seed": 1, "batch": 8}, r"other settings \(batch, seed\)"),
        ({"kimg": 0.031}, "was started for 0.032 kimg, 0.031 asked"),
    ],
)
def test_changed_settings_are_refused(tmp_path, settings_of, record, changes, said):
    prepare_run(tmp_path, settings_of(), record, resume=False)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError, match=said):
        prepare_run(tmp_path, settings_of(**changes), record, resume=True)
    assert (tmp_path / "run.json").read_bytes() == before


def test_other_data_is_refused(tmp_path, settings_of, record):
    prepare_run(tmp_path, settings_of(), record, resume=False)
    other = record.model_copy(update={"split_seed": 1})
    with pytest.raises(InputError, match=r"other settings \(data\)"):
        prepare_run(tmp_path, settings_of(), other, resume=True)


def test_a_corrupt_record_is_one_line(tmp_path, settings_of, record):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        prepare_run(tmp_path, settings_of(), record, resume=True)


def test_what_a_longer_run_may_ask(finished, settings_of, record):
    out, settings = finished
    with pytest.raises(InputError, match=r"a snapshot at 0\.008 kimg comes too late"):
        prepare_run(out, settings_of(snapshots_kimg=(0.008,)), record, resume=True)
    weights = weights_path(out).read_bytes()
    prepare_run(out, settings, record, resume=True)
    assert weights_path(out).read_bytes() == weights  # the same length: nothing to do
    prepare_run(out, settings_of(snapshots_kimg=(0.024,)), record, resume=True)
    assert not weights_path(out).exists()  # the longer run has none yet
    assert snapshot_path(out, 0.016).read_bytes() == weights


def test_a_finished_run_without_its_state_is_not_started_anew(finished, settings_of, record):
    out, _ = finished
    state_path(out).unlink()
    with pytest.raises(InputError, match="cannot be trained further"):
        prepare_run(out, settings_of(), record, resume=True)
    assert weights_path(out).exists()


def test_a_corrupt_state_is_one_line(finished, settings_of, record, pictures):
    out, _ = finished
    whole = state_path(out).read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"x" * 100):
        state_path(out).write_bytes(content)
        with pytest.raises(InputError, match=r"state\.safetensors cannot be read") as caught:
            list(train(settings_of(), pictures, out, data=record, resume=True))
        assert "\n" not in str(caught.value)
    for tensors, metadata in (
        ({"network.x": torch.zeros(1)}, {"step": 3}),
        ({"x": torch.zeros(1)}, {}),
    ):
        save_weights(state_path(out), tensors, **metadata)  # foreign files
        with pytest.raises(InputError, match=r"state\.safetensors cannot be read"):
            list(train(settings_of(), pictures, out, data=record, resume=True))


def test_the_log_is_cut_where_the_state_is(tmp_path):
    path = tmp_path / "log.jsonl"
    cut_log(path, 10)
    assert not path.exists()
    lines = [json.dumps({"pictures": p, "loss": 1.0}) + "\n" for p in (8, 16, 24)]
    for tail in ("", '{"pictures": 3', "\x00\x00", "[]\n", '{"loss": 1}\n'):
        path.write_text("".join(lines) + tail)
        cut_log(path, 16)
        assert path.read_text() == "".join(lines[:2])
    path.write_text("".join(lines) + '{"pictures": 3')
    cut_log(path, 100)
    assert path.read_text() == "".join(lines)


def test_progress_is_read_without_tensors(finished):
    assert read_progress(state_path(finished[0])) == {"step": 4}
