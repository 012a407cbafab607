"""A task's name: the same for the same content, wherever the data lie and whatever is added later."""

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import sweep_tasks
from pydantic import ValidationError
from sweep_tasks import Note

from denoscope.networks import NetworkSettings
from denoscope.sweeps import AuditTask, Task, TrainTask, task_seconds
from denoscope.training import DataRecord, TrainSettings


def record(**words):
    given = {"where": "digits", "name": "digits", "fingerprint": "ab" * 32, "n": 64}
    return DataRecord(**given | words)


def training(**words):
    network = NetworkSettings(arch="ddpmpp", shape=(1, 16, 16), width=24, multipliers=(1, 2, 2))
    return TrainTask(settings=TrainSettings(network=network, **words), data=record())


def test_names_are_what_they_were():
    """A store outlives the program that made it: these names may never change."""
    train = training(kimg=128)
    assert train.name == "16px-n64-ddpmpp-w24-128k-s0-6ef96bff37ff"
    audit = AuditTask(train=train, seed=1, beyond=4096)
    assert audit.name == "16px-n64-ddpmpp-w24-128k-s0-seed1-43d17e272fd5"


def test_a_task_whose_code_gives_other_results_takes_another_name():
    class Counted(Note):
        pass

    class Recounted(Note):
        version: ClassVar[int] = 2

    fields = Note(value=1.0).model_dump()
    assert Counted(**fields).name == Note(**fields).name
    assert Recounted(**fields).name != Note(**fields).name


def test_names_leave_out_defaults_so_the_defaults_may_never_change():
    """A default changed here would give old names a new meaning: rather add a setting."""
    known = {
        "kimg": 200.0,
        "batch": 64,
        "learning_rate": 1e-3,
        "warmup_kimg": 5.0,
        "ema_half_life_kimg": 500.0,
        "p_mean": -1.2,
        "p_std": 1.2,
        "augment": "none",
        "precision": "fp32",
        "snapshots_kimg": (),
        "seed": 0,
    }
    fields = TrainSettings.model_fields
    assert {name: fields[name].default for name in known} == known
    known = {
        "width": 128,
        "multipliers": (2, 2, 2),
        "blocks": 4,
        "attention": (16,),
        "dropout": 0.13,
        "label_dim": 0,
        "augment_dim": 0,
        "sigma_data": 0.5,
    }
    fields = NetworkSettings.model_fields
    assert {name: fields[name].default for name in known} == known
    known = {"kimg": None, "pictures": 200, "samples": 100, "levels": 10, "seed": 0, "beyond": 0}
    assert {name: AuditTask.model_fields[name].default for name in known} == known
    assert all(
        not field.is_required() for name, field in fields.items() if name not in ("arch", "shape")
    ), "a new setting of a network has a default, or every name changes"


def test_content_counts_and_its_place_does_not():
    here = training()
    there = here.model_copy(
        update={"data": record(where="/elsewhere/digits.npz", name="/elsewhere/digits.npz")}
    )
    assert there.name == here.name
    for change in (
        {"n": 65},
        {"split_seed": 1},
        {"twin": 2},
        {"fingerprint": "cd" * 32},
        {"size": 8},
    ):
        assert here.model_copy(update={"data": record(**change)}).digest != here.digest
    for change in ({"seed": 1}, {"kimg": 100}, {"snapshots_kimg": (10,)}, {"batch": 32}):
        assert training(**change).digest != here.digest


def test_a_value_given_as_its_default_is_the_default():
    assert training(kimg=200, seed=0, precision="fp32").name == training().name


def test_an_audit_is_named_by_its_network_and_its_own_settings():
    one, other = training(), training(seed=1)
    assert AuditTask(train=one).digest != AuditTask(train=other).digest
    assert AuditTask(train=one).digest != AuditTask(train=one, seed=1).digest
    moved = one.model_copy(update={"data": record(where="/elsewhere")})
    assert AuditTask(train=moved).name == AuditTask(train=one).name
    assert AuditTask(train=one, kimg=200).name == AuditTask(train=one).name


def test_a_field_added_later_renames_nothing():
    class Note(Task):
        kind: ClassVar[str] = "note"
        value: float
        after: tuple[Task, ...] = ()
        cost: float = 1.0
        later: int = 5

        def run(self, store, report): ...

    assert Note(value=3).name == sweep_tasks.Note(value=3).name
    assert Note(value=3, later=6).name != Note(value=3).name


def test_content_is_canonical_json():
    task = Note(value=1, after=(Note(value=2.0),), cost=3)
    assert json.loads(json.dumps(task.content())) == task.content()
    assert task.content()["after"] == [Note(value=2).name]
    assert task.name == Note(cost=3.0, after=(Note(value=2),), value=1.0).name


def test_the_kind_is_part_of_the_content():
    from sweep_tasks import Fails

    assert Note(value=1).digest != Fails(value=1).digest


def test_the_name_does_not_depend_on_the_process():
    """Hashes of Python itself are salted anew in each process."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from sweep_tasks import Note; print(Note(value=0.1, cost=1e-9).name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Note(value=0.1, cost=1e-9).name


@pytest.mark.parametrize(
    "words", [{"value": 1, "extra": 2}, {}, {"value": float("nan")}, {"value": float("inf")}]
)
def test_wrong_fields_are_refused(words):
    with pytest.raises(ValidationError):
        Note(**words)


def test_frozen_and_summed():
    task = Note(value=1, cost=2)
    with pytest.raises(ValidationError):
        task.value = 2
    assert task_seconds([task, Note(value=2, cost=3)]) == 5
    assert task.slug() == "note"
