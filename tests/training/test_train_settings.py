import pytest
from pydantic import ValidationError

from denoscope.errors import InputError
from denoscope.training import DataRecord, RunRecord, TrainSettings


@pytest.mark.parametrize(
    "changes",
    [
        {"kimg": 0},
        {"kimg": -1},
        {"kimg": float("inf")},
        {"kimg": float("nan")},
        {"batch": 0},
        {"batch": 2.5},
        {"learning_rate": 0},
        {"warmup_kimg": -1},
        {"ema_half_life_kimg": 0},
        {"p_mean": float("nan")},
        {"p_std": 0},
        {"augment": "rotate"},
        {"precision": "fp16"},
        {"seed": -1},
        {"snapshots_kimg": (0.0,)},
        {"snapshots_kimg": (0.033,)},
        {"snapshots_kimg": (0.0041, 0.0042)},  # one step of four pictures
        {"learning_rat": 1e-3},
    ],
)
def test_bad_settings_are_refused(settings_of, changes):
    with pytest.raises(ValidationError):
        settings_of(**changes)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("none", {}, "trained at one noise level: give it"),
        ("none", {"level": 0.0}, "level"),
        ("none", {"level": float("nan")}, "level"),
        ("edm", {"level": 4.0}, "edm draws its levels itself: leave it out"),
        ("ve", {"level": 4.0}, "ve draws its levels itself"),
        ("ve", {"p_mean": -1.0}, "p_mean and p_std are of the preconditioning edm alone"),
        ("none", {"level": 4.0, "p_std": 1.0}, "p_mean and p_std are of the preconditioning edm"),
    ],
)
def test_levels_are_those_of_the_preconditioning(settings_of, kind, changes, said):
    with pytest.raises(ValidationError, match=said):
        settings_of(preconditioning=kind, **changes)


def test_settings_of_older_runs_read_as_they_were(settings_of):
    settings = settings_of()
    older = settings.model_dump(mode="json")
    del older["level"]
    for later in ("preconditioning", "heads", "patch"):
        del older["network"][later]
    assert TrainSettings.model_validate(older) == settings


def test_steps_round_up(settings_of):
    assert settings_of(kimg=0.032, batch=4).steps == 8
    assert settings_of(kimg=0.033, batch=4).steps == 9
    assert settings_of(kimg=0.0001, batch=4).steps == 1
    assert settings_of(kimg=0.1, batch=3).steps == 34  # 102 pictures
    assert settings_of().step_of(0.005) == 2


def test_run_json_round_trip(settings_of, record, tmp_path):
    run = RunRecord(
        settings=settings_of(snapshots_kimg=(0.01, 0.02), augment="flip", seed=3),
        data=record,
        versions={"torch": "2"},
    )
    path = tmp_path / "run.json"
    path.write_text(run.model_dump_json(indent=2))
    assert RunRecord.read(path) == run


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[1]", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"{}", "settings: Field required"),
        (b'{"schema_version": 2, "new": 1}', "schema 2, this version reads 1"),
    ],
)
def test_a_corrupt_run_json_is_an_input_error(tmp_path, content, said):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        RunRecord.read(path)
    assert "\n" not in str(caught.value)


def test_split_gives_the_pictures_of_the_record(digits):
    record = DataRecord.of(digits, 50, where="digits", split_seed=4)
    train, held_out = record.split(digits)
    assert train.ids.tolist() == digits.split(50, 4)[0].ids.tolist()
    assert len(held_out) == len(digits) - 50
    twins = [
        DataRecord.of(digits, 50, where="digits", split_seed=4, twin=twin).split(digits)
        for twin in (1, 2)
    ]
    assert twins[0][0].ids.tolist() == train.ids.tolist()
    assert not set(twins[0][0].ids.tolist()) & set(twins[1][0].ids.tolist())
    assert twins[0][1].ids.tolist() == twins[1][1].ids.tolist()


def test_split_refuses_other_pictures(digits):
    record = DataRecord.of(digits, 50, where="digits")
    with pytest.raises(InputError, match="give the pictures it was trained on"):
        record.split(digits.take(range(100)))
    too_many = record.model_copy(update={"n": 5000})
    with pytest.raises(InputError, match="5000 training pictures asked"):
        too_many.split(digits)
    with pytest.raises(ValidationError):
        DataRecord.of(digits, 0, where="digits")
    with pytest.raises(ValidationError):
        DataRecord.of(digits, 5, where="digits", twin=3)
