"""The watch under accelerate and Lightning: who looks, at what, what is kept, where it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import denoscope
from denoscope.auditing import AccelerateWatch, MemorizationWatch, lightning_watch
from denoscope.auditing.watch_callbacks import in_evaluation, pictures_in
from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError
from denoscope.tables import Look, Verdict

SOURCE = Path(denoscope.__file__).parents[1]
ONSET = 60  # the scripted looks find memorization from there on


@pytest.fixture
def watch(digits, monkeypatch):
    """A watch on 4 digits, due at 32, 45, 64 ... pictures, whose looks note the modes they met."""
    modes = []

    def look(self, denoiser, seen):
        modes.append(denoiser.function.training)
        label = "transitional" if seen >= ONSET else "generalizing"
        self.looks.append(Look(seen=seen, verdict=Verdict(label=label, confidence=0.9)))
        return self.looks[-1]

    monkeypatch.setattr(MemorizationWatch, "look", look)
    made = MemorizationWatch(*digits.split(4, seed=0))
    made.modes = modes  # type: ignore[attr-defined]
    return made


def to_denoiser(module):
    return FunctionDenoiser(module, Spec("mine", (1, 8, 8)))


def test_evaluation_is_for_a_while_and_part_by_part():
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    module[1].eval()
    with in_evaluation(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, True, False, False]


@pytest.mark.parametrize(
    "batch",
    [
        torch.zeros(5, 2),
        [torch.zeros(5, 2), torch.zeros(7)],
        ("name", torch.zeros(5)),
        {"label": 3, "x": torch.zeros(5)},
        [{"a": [None, torch.zeros(5)]}],
    ],
)
def test_pictures_of_a_batch(batch):
    assert pictures_in(batch) == 5


def test_a_batch_without_tensors():
    with pytest.raises(InputError, match="holds no tensor"):
        pictures_in({"a": "b", "c": [1]})


def test_accelerate_looks_when_due_keeps_what_is_clear_and_stops(watch):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    module = accelerator.prepare(nn.Linear(2, 2).train())
    kept = []
    stops = AccelerateWatch(watch, accelerator, to_denoiser, kept.append)
    answers = {seen: stops(module, seen) for seen in range(8, 80, 8)}
    assert [look.seen for look in watch.looks] == [32, 48, 64]
    assert [seen for seen, stop in answers.items() if stop] == [64]
    assert kept == [accelerator.unwrap_model(module)] * 2
    assert watch.modes == [False] * 3
    assert module.training


def lightning_module(package):
    class Module(package.LightningModule):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def training_step(self, batch, index):
            return (self.scale * batch[0]).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Module()


def fit(package, callback, **how):
    batches = torch.utils.data.TensorDataset(torch.ones(40, 3))
    trainer = package.Trainer(
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=4,
    )
    trainer.fit(lightning_module(package), DataLoader(batches, batch_size=8), **how)
    return trainer


@pytest.mark.filterwarnings("ignore")  # of Lightning's own, about workers and its own parts
def test_lightning_stops_at_onset_and_keeps_the_checkpoint_before(watch, tmp_path, digits):
    package = pytest.importorskip("lightning.pytorch")
    keep = tmp_path / "before.ckpt"
    callback = lightning_watch(watch, to_denoiser, keep)
    assert isinstance(callback, package.Callback)
    trainer = fit(package, callback)
    assert [look.seen for look in watch.looks] == [32, 48, 64]
    assert trainer.global_step == 8  # in the midst of the second epoch
    assert watch.modes == [False] * 3
    saved = torch.load(keep, weights_only=False)
    assert saved["global_step"] == 6
    # A fit that goes on from there remembers the looks before it.
    again = MemorizationWatch(watch.train, watch.held_out)
    resumed = lightning_watch(again, to_denoiser, tmp_path / "second.ckpt")
    fit(package, resumed, ckpt_path=keep, weights_only=False)
    assert [look.seen for look in again.looks] == [32, 48, 64]
    assert not (tmp_path / "second.ckpt").exists()


@pytest.mark.slow
def test_pytorch_lightning_by_its_old_name(tmp_path):
    pytest.importorskip("pytorch_lightning")
    code = (
        "import pytorch_lightning as pl, denoscope as ds\n"
        "from denoscope.auditing import lightning_watch\n"
        "train, held_out = ds.open_images('digits').split(4, seed=0)\n"
        "one = lightning_watch(ds.MemorizationWatch(train, held_out), lambda m: m, 'x.ckpt')\n"
        "assert isinstance(one, pl.Callback)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_without_lightning_it_says_what_to_install(watch, monkeypatch):
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install lightning"):
        lightning_watch(watch, to_denoiser, "before.ckpt")


@pytest.mark.slow
def test_two_processes_stop_together(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "08_stop_under_accelerate.py"
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = subprocess.run(
        [sys.executable, *launch, str(example)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("before.pt is the model after") == 1  # one of them speaks
    assert (tmp_path / "before.pt").is_file()
