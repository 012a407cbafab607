"""The tables of a study: all audits in one, in the order of the study, and nothing of when they ran."""

import json

import polars as pl
import pytest

from denoscope.errors import InputError
from denoscope.report.ladder import read_ladder
from denoscope.sweeps import AuditTask, begin_study, check_study_folder, gather, run_tasks


@pytest.fixture(scope="module")
def audits(tiny_settings, digits):
    from denoscope.sweeps import TrainTask

    return [
        AuditTask(
            train=TrainTask.of(tiny_settings, digits, n, where="digits"),
            kimg=0,
            seed=seed,
            beyond=1700,
            pictures=6,
            samples=4,
            levels=3,
        )
        for n, seed in ((16, 1), (32, 0))
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory, audits):
    from denoscope.sweeps import Store

    store = Store(tmp_path_factory.mktemp("gathered"))
    list(run_tasks(audits, store, "here"))
    return store


def test_one_table_and_the_verdicts(audits, store, tmp_path):
    rows = gather(audits, store, tmp_path)
    table = pl.read_parquet(tmp_path / "measurements.parquet")
    assert table.equals(pl.concat([store.table(task) for task in audits]))
    content = json.loads((tmp_path / "verdicts.json").read_text())
    assert content["cells"] == json.loads(json.dumps(rows))
    assert content["missing"] == []
    assert [(row["n"], row["seed"], row["kimg"], row["finished"]) for row in rows] == [
        (16, 1, 0, False),
        (32, 0, 0, False),
    ]
    assert all({"verdict", "confidence", "signals", "headline"} <= row.keys() for row in rows)
    assert "memorization_ratio" in rows[0]["headline"]


def test_the_order_of_the_work_leaves_no_trace(audits, store, tmp_path):
    from denoscope.sweeps import Store

    other = Store(tmp_path / "other")
    for task in reversed(audits):
        task.run(other, lambda share: None)
    gather(audits, store, tmp_path / "one")
    gather(audits, other, tmp_path / "two")
    for name in ("measurements.parquet", "verdicts.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_is_missing_is_named(audits, store, tmp_path):
    lacking = audits[0].model_copy(update={"seed": 9})
    rows = gather([*audits, lacking], store, tmp_path)
    assert len(rows) == 2
    assert json.loads((tmp_path / "verdicts.json").read_text())["missing"] == [lacking.name]
    assert gather([lacking], store, tmp_path) == []


def test_a_study_is_a_ladder(audits, store, tmp_path):
    gather(audits, store, tmp_path)
    ladder = read_ladder(tmp_path)
    assert ladder.measures()["measure"].n_unique() > 5


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    assert check_study_folder(tmp_path / "new") == tmp_path / "new"
    (tmp_path / "measurements.parquet").write_text("mine")
    with pytest.raises(InputError, match="is no study"):
        check_study_folder(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        check_study_folder(tmp_path / "measurements.parquet")
    begin_study(tmp_path / "new", "[data]")
    assert check_study_folder(tmp_path / "new") == tmp_path / "new"
