"""An audit as a task leaves an ordinary audit folder, its cell named, its held-out pictures shared."""

import pytest
from pydantic import ValidationError

from denoscope.sweeps import AuditTask, run_tasks, study_pictures
from denoscope.tables import read_audit
from denoscope.training import DataRecord

SMALL = {"pictures": 6, "samples": 4, "levels": 3}


def test_it_leaves_an_audit_folder(store, tiny_training):
    task = AuditTask(train=tiny_training, kimg=0.032, seed=3, beyond=1700, **SMALL)
    events = list(run_tasks([task], store, "here"))
    assert [e.task for e in events if e.state == "done"] == [tiny_training, task]
    tables = read_audit(store.folder(task))
    assert task.cell == f"{tiny_training.name}@0.032"
    for frame in (tables.measurements, tables.values, tables.samples):
        assert frame["cell"].unique().to_list() == [task.cell]
    provenance = tables.summary.provenance
    assert provenance.seed == 3
    assert (provenance.data.n_train, provenance.data.n_held_out) == (16, 97)
    assert tables.measurements["sigma"].n_unique() == 3 + 1  # and null, of finished samples
    assert store.table(task).equals(tables.measurements)
    assert store.pictures(task)["sample/network"].shape == (4, 1, 8, 8)


def test_the_untrained_network_needs_no_training(store, tiny_training):
    task = AuditTask(train=tiny_training, kimg=0, beyond=1700, **SMALL)
    assert task.needs() == ()
    assert [e.state for e in run_tasks([task], store, "here")][-1] == "done"


def test_cells_of_a_ladder_see_the_same_held_out_pictures(store, tiny_settings, digits):
    from denoscope.sweeps import TrainTask

    seen = []
    for n, twin in ((16, None), (16, 2), (64, None)):
        train = TrainTask.of(tiny_settings, digits, n, where="digits", twin=twin)
        task = AuditTask(train=train, kimg=0, beyond=1700, **SMALL)
        task.run(store, lambda share: None)
        values = read_audit(store.folder(task)).values
        rows = values.filter(metric="rmse", denoiser="network", inputs="held_out")
        seen.append(set(rows["picture"]))
        inside = set(train.data.split(digits)[0].ids.tolist())
        assert not seen[-1] & inside
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 6


def test_a_twin_never_sees_its_other(digits):
    one, two, _ = digits.twins(16)
    data = DataRecord.of(digits, 16, where="digits", twin=2)
    train, held_out = study_pictures(data)
    assert train.ids.tolist() == two.ids.tolist()
    assert not {*held_out.ids.tolist()} & {*one.ids.tolist(), *two.ids.tolist()}
    assert len(held_out) == len(digits) - 32
    assert len(study_pictures(data, beyond=1000)[1]) == len(digits) - 1000
    assert study_pictures(data, held_out="mnist-5k", most=7)[1].source.startswith("mnist-5k")


def test_the_end_is_one_moment(tiny_training):
    assert AuditTask(train=tiny_training, kimg=0.064).kimg is None
    with pytest.raises(ValidationError, match="take one of the snapshots"):
        AuditTask(train=tiny_training, kimg=0.05)


def test_the_estimate_grows_with_the_work(tiny_training):
    few, many = (AuditTask(train=tiny_training, samples=s).seconds() for s in (0, 10_000))
    assert 0 < few < many
