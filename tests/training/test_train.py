import json

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
from denoscope.training import loop, train
from denoscope.training.folder import snapshot_path, weights_path


def run(out, settings, pictures, record, **options):
    return list(train(settings, pictures, out, data=record, **options))


def assert_same_weights(one, two):
    one, two = load_file(one), load_file(two)
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_a_run_leaves_its_folder(tmp_path, settings_of, pictures, record):
    settings = settings_of(kimg=0.02, snapshots_kimg=(0.005, 0.016))
    reports = run(tmp_path, settings, pictures, record)
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {
        "run.json",
        "weights.safetensors",
        "log.jsonl",
        "resume/state.safetensors",
        "snapshots/000000005.safetensors",
        "snapshots/000000016.safetensors",
    }
    assert [r.pictures for r in reports] == [4, 8, 12, 16, 20]
    assert [r.snapshot for r in reports if r.snapshot] == [
        snapshot_path(tmp_path, 0.005),  # at the first step that has seen as many
        snapshot_path(tmp_path, 0.016),
    ]
    assert reports[1].snapshot is not None
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["pictures"], line["loss"]) for line in logged] == [
        (r.pictures, r.loss) for r in reports
    ]
    assert run(tmp_path, settings, pictures, record, resume=True) == []  # nothing left to do


def test_a_snapshot_is_the_run_that_ended_there(tmp_path, settings_of, pictures, record):
    run(tmp_path / "long", settings_of(snapshots_kimg=(0.016,)), pictures, record)
    run(tmp_path / "short", settings_of(kimg=0.016), pictures, record)
    assert_same_weights(snapshot_path(tmp_path / "long", 0.016), weights_path(tmp_path / "short"))


def test_the_seed_decides(tmp_path, settings_of, pictures, record):
    torch.manual_seed(5)  # a caller's generator neither matters nor is moved
    before = torch.get_rng_state()
    run(tmp_path / "a", settings_of(kimg=0.008), pictures, record)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    run(tmp_path / "b", settings_of(kimg=0.008), pictures, record)
    run(tmp_path / "c", settings_of(kimg=0.008, seed=1), pictures, record)
    assert_same_weights(weights_path(tmp_path / "a"), weights_path(tmp_path / "b"))
    a, c = (load_file(weights_path(tmp_path / name)) for name in "ac")
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_dropout_is_drawn_by_step(tmp_path, settings_of, pictures, record):
    settings = settings_of(dropout=0.3, kimg=0.016)
    run(tmp_path / "a", settings, pictures, record)
    torch.rand(7)
    run(tmp_path / "b", settings, pictures, record)
    assert_same_weights(weights_path(tmp_path / "a"), weights_path(tmp_path / "b"))


def test_the_loss_falls(tmp_path, settings_of, pictures, record):
    settings = settings_of(kimg=0.96, batch=16, learning_rate=5e-3)
    reports = run(tmp_path, settings, pictures, record)
    first, last = (
        torch.tensor([r.loss for r in part]).mean() for part in (reports[:10], reports[-10:])
    )
    assert last < 0.8 * first


def test_bf16_by_the_settings_after_fp32_in_one_process(tmp_path, settings_of, pictures, record):
    losses = {
        precision: run(tmp_path / precision, settings_of(precision=precision), pictures, record)[
            -1
        ].loss
        for precision in ("fp32", "bf16")
    }
    assert losses["fp32"] != losses["bf16"]
    assert abs(losses["fp32"] - losses["bf16"]) < 0.05
    weights = load_file(weights_path(tmp_path / "bf16"))
    assert {value.dtype for value in weights.values()} == {torch.float32}


class Moving(Accelerator):
    """Moves the network's weights to new memory, as accelerate does with several processes on a CPU."""

    def prepare_model(self, model, **options):
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()
        return super().prepare_model(model, **options)


def test_the_average_follows_a_network_that_is_moved(tmp_path, settings_of, pictures, record):
    run(tmp_path / "a", settings_of(kimg=0.008), pictures, record)
    run(tmp_path / "b", settings_of(kimg=0.008), pictures, record, accelerator=Moving(cpu=True))
    assert_same_weights(weights_path(tmp_path / "a"), weights_path(tmp_path / "b"))


class Process(Accelerator):
    """What `_draw` asks of an accelerator, as in process `process_index` of several."""

    device, process_index, num_processes = torch.device("cpu"), 0, 1

    def __init__(self, process_index, num_processes):
        self.process_index, self.num_processes = process_index, num_processes


def draws(settings, pictures, steps, process=(0, 1)):
    parts = [loop._draw(settings, pictures, step, Process(*process)) for step in range(steps)]
    return [torch.cat(column) for column in zip(*parts, strict=True)]


def test_flip_mirrors_half_of_the_pictures_and_nothing_else(settings_of, pictures):
    plain = draws(settings_of(batch=64), pictures, 10)
    flipped = draws(settings_of(batch=64, augment="flip"), pictures, 10)
    assert torch.equal(plain[1], flipped[1])
    assert torch.equal(plain[2], flipped[2])
    mirrored = (plain[0].flip(-1) == flipped[0]).flatten(1).all(1)
    kept = (plain[0] == flipped[0]).flatten(1).all(1)
    assert bool((mirrored | kept).all())
    assert 0.4 < float(mirrored.double().mean()) < 0.6  # 640 coins: 5 standard deviations
    assert float(kept.double().mean()) < 0.6


def test_processes_share_the_draws_of_one(settings_of, pictures):
    settings = settings_of(batch=6, augment="flip")
    whole = draws(settings, pictures, 1)
    parts = [draws(settings, pictures, 1, process=(rank, 3)) for rank in range(3)]
    for one, shared in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(one, torch.cat(shared))


def test_the_rate_warms_up(settings_of):
    settings = settings_of(learning_rate=2.0, warmup_kimg=0.01)
    assert [loop._rate(settings, seen) for seen in (1, 5, 10, 1000)] == [0.2, 1.0, 2.0, 2.0]
    assert loop._rate(settings_of(learning_rate=2.0, warmup_kimg=0), 1) == 2.0


def test_what_does_not_fit_is_refused(tmp_path, settings_of, pictures, record):
    wide = Pictures.from_tensor(torch.zeros(64, 1, 8, 16, dtype=torch.uint8))
    with pytest.raises(InputError, match="takes pictures of shape"):
        run(tmp_path / "a", settings_of(), wide, record)
    with pytest.raises(InputError, match="record says 64 training pictures, 10 are given"):
        run(tmp_path / "a", settings_of(), pictures.take(range(10)), record)
    accelerator = Accelerator(cpu=True)
    accelerator.state._mixed_precision, before = "fp16", accelerator.state._mixed_precision
    try:
        with pytest.raises(InputError, match="accelerate is set to fp16, the settings to fp32"):
            run(tmp_path / "a", settings_of(), pictures, record, accelerator=accelerator)
    finally:
        accelerator.state._mixed_precision = before
    assert not (tmp_path / "a").exists()


def test_a_loss_that_is_not_finite_ends_the_run_and_saves_nothing(
    tmp_path, settings_of, pictures, record
):
    settings = settings_of(learning_rate=1e30, warmup_kimg=0, snapshots_kimg=(0.012,))
    with pytest.raises(RunError, match=r"the loss is (nan|inf) after"):
        run(tmp_path, settings, pictures, record)
    assert not weights_path(tmp_path).exists()
    for path in tmp_path.rglob("*.safetensors"):
        assert all(bool(value.isfinite().all()) for value in load_file(path).values()), path


def test_a_full_disk_is_a_run_error(tmp_path, settings_of, pictures, record, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("denoscope.training.state.save_file", full)
    with pytest.raises(RunError, match="no space left"):
        run(tmp_path, settings_of(kimg=0.008), pictures, record)
    assert not list(tmp_path.rglob("*.partial"))
