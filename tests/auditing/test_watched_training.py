"""A run that stops before memorization: what it leaves, killed anywhere, and what it refuses."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from denoscope.auditing import MemorizationWatch, audit, train_watched
from denoscope.checkpoints import open_denoiser
from denoscope.errors import InputError, RunError
from denoscope.networks import NetworkSettings
from denoscope.tables import Look, Verdict, read_watch
from denoscope.training import DataRecord, Progress, TrainSettings, loop, train
from denoscope.training.folder import watch_path, weights_path

N = 4  # so that looks are due from 32 pictures on
POINTS = [32, 48, 64, 92, 128, 184, 200]  # 8 N sqrt(2)^k in steps of 4, and the end


@pytest.fixture(scope="module")
def sets(digits):
    return digits.split(N, seed=0)


@pytest.fixture(scope="module")
def record(digits):
    return DataRecord.of(digits, N, where="digits")


def settings_of(**changes):
    network = NetworkSettings(
        arch="ddpmpp",
        shape=(1, 8, 8),
        width=4,
        multipliers=(1,),
        blocks=1,
        attention=(),
        dropout=0.0,
    )
    return TrainSettings(**{"network": network, "kimg": 0.2, "batch": 4, "seed": 5, **changes})


@pytest.fixture
def onset_at(monkeypatch):
    """onset_at(seen): looks find memorization from there on, and cost nothing; a list of all made."""
    made = []

    def script(onset):
        def look(self, denoiser, seen):
            made.append(seen)
            label = "transitional" if onset is not None and seen >= onset else "generalizing"
            self.looks.append(Look(seen=seen, verdict=Verdict(label=label, confidence=0.9)))
            return self.looks[-1]

        monkeypatch.setattr(MemorizationWatch, "look", look)
        return made

    return script


def run(out, sets, record, settings=None, **how):
    return list(train_watched(settings or settings_of(), *sets, out, data=record, **how))


def same(one, two):
    a, b = load_file(one), load_file(two)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_it_keeps_the_last_look_before_onset(tmp_path, sets, record, onset_at):
    made = onset_at(100)
    reports = run(tmp_path / "run", sets, record)
    assert made == POINTS[:5]
    assert [one.seen for one in reports if isinstance(one, Look)] == made
    assert isinstance(reports[-1], Look)
    assert reports[-1].stop
    unstopped = settings_of(snapshots_kimg=(0.092,))
    list(train(unstopped, sets[0], tmp_path / "twin", data=record))
    assert same(weights_path(tmp_path / "run"), tmp_path / "twin/snapshots/000000092.safetensors")
    assert not list((tmp_path / "run" / "snapshots").iterdir())
    assert [look.seen for look in read_watch(watch_path(tmp_path / "run")).looks] == made


def test_without_onset_it_is_an_ordinary_run(tmp_path, sets, record, onset_at):
    made = onset_at(None)
    run(tmp_path / "run", sets, record)
    list(train(settings_of(), sets[0], tmp_path / "twin", data=record))
    assert made == POINTS
    assert same(weights_path(tmp_path / "run"), weights_path(tmp_path / "twin"))


def test_onset_at_the_very_end_still_counts(tmp_path, sets, record, onset_at):
    onset_at(200)
    run(tmp_path / "run", sets, record)
    list(train(settings_of(kimg=0.184), sets[0], tmp_path / "short", data=record))
    assert same(weights_path(tmp_path / "run"), weights_path(tmp_path / "short"))


def test_snapshots_asked_for_stay(tmp_path, sets, record, onset_at):
    onset_at(100)
    asked = settings_of(snapshots_kimg=(0.02, 0.0315, 0.092))
    run(tmp_path / "run", sets, record, asked)
    kept = sorted(path.stem for path in (tmp_path / "run" / "snapshots").iterdir())
    assert kept == ["000000020", "000000032", "000000092"]


@pytest.mark.parametrize("seconds", [-1.0, 3600.0])  # a state at each report; never one
@pytest.mark.parametrize("onset", [100, None])
def test_stopped_anywhere_and_resumed_decides_alike(
    tmp_path, sets, record, onset_at, monkeypatch, seconds, onset
):
    made = onset_at(onset)
    monkeypatch.setattr(loop, "STATE_SECONDS", seconds)
    run(tmp_path / "unbroken", sets, record)
    unbroken, looks = read_watch(watch_path(tmp_path / "unbroken")), len(made)
    for reports in (1, 9, 10, 30, 31):  # between a step and its look, after a look, halfway
        steps = train_watched(settings_of(), *sets, tmp_path / "broken", data=record, resume=True)
        for _ in range(reports):
            next(steps, None)
        steps.close()
    run(tmp_path / "broken", sets, record, resume=True)
    assert read_watch(watch_path(tmp_path / "broken")) == unbroken
    assert same(weights_path(tmp_path / "broken"), weights_path(tmp_path / "unbroken"))
    assert len(made) == 2 * looks  # none is made twice
    names = [
        sorted(p.name for p in (tmp_path / one).rglob("*.safetensors"))
        for one in ("broken", "unbroken")
    ]
    assert set(names[0]) - {"state.safetensors"} == set(names[1]) - {"state.safetensors"}


def test_killed_after_its_last_step_it_looks_and_settles(tmp_path, sets, record, onset_at):
    onset_at(200)
    out = tmp_path / "run"
    run(out, sets, record)
    settled = weights_path(out).read_bytes()
    # As if killed right after the last step: weights of the end are there, the last look is not.
    list(train(settings_of(snapshots_kimg=(0.184, 0.2)), sets[0], tmp_path / "whole", data=record))
    shutil.copytree(tmp_path / "whole" / "snapshots", out / "snapshots", dirs_exist_ok=True)
    shutil.copy(weights_path(tmp_path / "whole"), weights_path(out))
    watch = json.loads(watch_path(out).read_text())
    watch["looks"].pop()
    watch_path(out).write_text(json.dumps(watch))
    reports = run(out, sets, record, resume=True)
    assert [one.seen for one in reports] == [200]
    assert weights_path(out).read_bytes() == settled


def test_a_stopped_run_stays_as_it_is(tmp_path, sets, record, onset_at):
    made = onset_at(100)
    out = tmp_path / "run"
    run(out, sets, record)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    looked = len(made)
    assert run(out, sets, record, resume=True) == []
    assert run(out, sets, record, settings_of(kimg=0.4), resume=True) == []
    with pytest.raises(InputError, match="already holds a run"):
        run(out, sets, record)
    with pytest.raises(InputError, match=r"other settings \(learning_rate\)"):
        run(out, sets, record, settings_of(learning_rate=0.1), resume=True)
    with pytest.raises(InputError, match="add --stop-when memorizing"):
        list(train(settings_of(), sets[0], out, data=record, resume=True))
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert len(made) == looked


def test_a_longer_run_goes_on_looking(tmp_path, sets, record, onset_at):
    made = onset_at(300)
    out = tmp_path / "run"
    run(out, sets, record)
    reports = run(out, sets, record, settings_of(kimg=0.4), resume=True)
    assert made == [*POINTS, 256, 364]
    assert reports[-1].stop
    snapshots = settings_of(kimg=0.4, snapshots_kimg=(0.256,))
    list(train(snapshots, sets[0], tmp_path / "twin", data=record))
    assert same(weights_path(out), tmp_path / "twin/snapshots/000000256.safetensors")


def test_watching_from_halfway_is_refused(tmp_path, sets, record, onset_at):
    onset_at(None)
    list(train(settings_of(), sets[0], tmp_path / "run", data=record))
    with pytest.raises(InputError, match="its first looks are missing"):
        run(tmp_path / "run", sets, record, resume=True)


def test_too_late_at_the_first_look(tmp_path, sets, record, onset_at):
    onset_at(0)
    for resume in (False, True):
        with pytest.raises(RunError, match="at the first look, after 32 pictures"):
            run(tmp_path / "run", sets, record, resume=resume)
    assert not weights_path(tmp_path / "run").exists()


def test_nothing_held_out_leaves_nothing(tmp_path, sets, record):
    train_set, held_out = sets
    for few in (held_out.take([]), held_out.take([0])):
        with pytest.raises(InputError, match="held-out pictures given"):
            run(tmp_path / "run", (train_set, few), record)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_real_run_stops_before_it_memorizes_and_its_twin_does_not(tmp_path, digits):
    train_set, held_out = digits.split(32, seed=0)
    data = DataRecord.of(digits, 32, where="digits")
    network = NetworkSettings(
        arch="ddpmpp",
        shape=(1, 8, 8),
        width=24,
        multipliers=(1, 2),
        blocks=1,
        attention=(),
        dropout=0.0,
    )
    settings = TrainSettings(network=network, kimg=64, batch=32)
    labels = {}
    reports = list(train_watched(settings, train_set, held_out, tmp_path / "stopped", data=data))
    assert isinstance(reports[-1], Look)
    assert reports[-1].stop
    assert max(one.pictures for one in reports if isinstance(one, Progress)) < 64_000
    list(train(settings, train_set, tmp_path / "twin", data=data))
    for name in ("stopped", "twin"):
        with torch.no_grad():
            found = audit(open_denoiser(tmp_path / name), train_set, held_out, seed=9)
        labels[name] = found.verdict.label
    assert labels == {"stopped": "generalizing", "twin": "memorizing"}


def test_a_denoiser_of_one_level_is_refused(sets, record, tmp_path):
    network = NetworkSettings(arch="linear", shape=(1, 8, 8))
    settings = settings_of(network=network, level=0.5)
    with pytest.raises(InputError, match=r"one level \(0.5\) cannot be watched"):
        list(train_watched(settings, *sets, tmp_path / "run", data=record))
    assert not (tmp_path / "run").exists()
