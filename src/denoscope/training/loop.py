"""The training loop: a generator that yields progress; the caller owns bars, trackers and stopping.

Step k is a function of (weights before it, settings, pictures, k): pictures, levels, noise, flips and
dropout are drawn from generators keyed by (seed, k). A run killed at any moment and resumed therefore
ends with the same weights, bit for bit, as an unbroken one (CPU, one process).
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
from denoscope.networks import build_network
from denoscope.training.ema import ema_decay, update_ema
from denoscope.training.loss import draw_sigma, edm_loss
from denoscope.training.order import batch_indices, step_generator
from denoscope.training.settings import DataRecord, RunRecord, TrainSettings
from denoscope.training.state import load_state, replacing, save_state, save_weights

__all__ = ["Progress", "prepare_run", "train"]

REPORTS = 200  # progress is yielded about this often over a run
STATE_SECONDS = 60.0  # at most this much work is lost when a run is killed


@dataclass(frozen=True)
class Progress:
    """Where a training stands. `loss` is the mean weighted loss since the last report."""

    pictures: int
    total: int
    loss: float
    pictures_per_second: float
    snapshot: Path | None = None


def prepare_run(out: Path, settings: TrainSettings, data: DataRecord, *, resume: bool) -> None:
    """Make the run's folder, or check that the one there is this very run.

    Raises InputError where the folder holds something else, or another run, or where there is
    nothing to resume. A longer `kimg` or other snapshots may be asked of a resumed run.
    """
    record = RunRecord(settings=settings, data=data, versions=_versions())
    path = out / "run.json"
    if path.exists() and not resume:
        raise InputError(f"{out} already holds a run: add --resume to go on, or choose another --out")
    if path.exists():
        before = RunRecord.model_validate_json(path.read_text())
        free = {"kimg", "snapshots_kimg"}
        old, new = before.settings.model_dump(exclude=free), settings.model_dump(exclude=free)
        changed = [key for key in new if new[key] != old[key]]
        changed += ["data"] if before.data != data else []
        if changed:
            raise InputError(
                f"{out} was started with other settings ({', '.join(changed)}): repeat them to resume, "
                "or choose another --out"
            )
        record.versions = before.versions
    elif out.exists() and (not out.is_dir() or any(p.name != "run.json.partial" for p in out.iterdir())):
        raise InputError(f"{out} exists and is not a denoscope run: choose an empty or new folder for --out")
    try:
        with replacing(path) as partial:
            partial.write_text(record.model_dump_json(indent=2))
    except RunError as error:
        raise InputError(str(error)) from error


def train(
    settings: TrainSettings,
    pictures: Pictures,
    out: Path,
    *,
    data: DataRecord,
    resume: bool = False,
    accelerator: Accelerator | None = None,
) -> Iterator[Progress]:
    """Train a network on `pictures`, the training set itself; yield Progress about 200 times.

    The run's folder (docs: architecture) is complete when the generator ends. accelerator: for
    another device, several processes or trackers; by default one process on the CPU or GPU at hand.

    Raises InputError for a folder or pictures that do not fit, RunError where the loss is not
    finite or the disk is full.
    """
    if tuple(pictures.shape) != settings.network.shape:
        raise InputError(
            f"the network takes pictures of shape {settings.network.shape}, the data has {pictures.shape}: "
            "open the data with another size, or change the network's shape"
        )
    accelerator = accelerator or Accelerator(mixed_precision=_mixed(settings.precision))
    if settings.batch % accelerator.num_processes:
        raise InputError(
            f"a batch of {settings.batch} does not divide over {accelerator.num_processes} processes: "
            "give a batch that does"
        )
    if accelerator.is_main_process:
        prepare_run(out, settings, data, resume=resume)
    accelerator.wait_for_everyone()
    yield from _steps(settings, pictures, out, accelerator)


def _steps(
    settings: TrainSettings, pictures: Pictures, out: Path, accelerator: Accelerator
) -> Iterator[Progress]:
    device, main = accelerator.device, accelerator.is_main_process
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build_network(settings.network)
    network = network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state_path, log_path = out / "resume" / "state.safetensors", out / "log.jsonl"
    done = 0
    if state_path.exists():
        done = int(load_state(state_path, network, average, optimizer)["step"])
    if main:
        _cut_log(log_path, done * settings.batch)
    denoise = accelerator.prepare_model(network)
    optimizer = accelerator.prepare_optimizer(optimizer)

    snapshots = {settings.step_of(s): s for s in settings.snapshots_kimg}
    every = max(1, settings.steps // REPORTS)
    losses: list[Tensor] = []
    started = saved = time.monotonic()
    for step in range(done, settings.steps):
        x0, sigma, eps = _draw(settings, pictures, step, accelerator)
        for group in optimizer.param_groups:
            group["lr"] = _rate(settings, (step + 1) * settings.batch)
        with accelerator.autocast():
            loss = edm_loss(denoise, x0, sigma, eps, sigma_data=settings.network.sigma_data).mean()
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen = (step + 1) * settings.batch
        update_ema(average, network.state_dict(), ema_decay(settings.batch, seen, settings.ema_half_life_kimg * 1000))
        losses.append(loss.detach())

        last = step + 1 == settings.steps
        snapshot = None
        if step + 1 in snapshots:
            snapshot = out / "snapshots" / f"{round(snapshots[step + 1] * 1000):09d}.safetensors"
            if main:
                save_weights(snapshot, average, pictures=seen)
        if not (last or snapshot or (step + 1) % every == 0):
            continue
        mean_loss = float(torch.stack(losses).mean())
        losses.clear()
        if not torch.isfinite(torch.tensor(mean_loss)):
            raise RunError(
                f"the loss is {mean_loss} after {seen} pictures: lower the learning rate "
                f"({settings.learning_rate:g}) or train in fp32"
            )
        rate = (seen - done * settings.batch) / (time.monotonic() - started)
        progress = Progress(seen, settings.steps * settings.batch, mean_loss, rate, snapshot)
        if main:
            _log(log_path, progress)
            if last:
                save_weights(out / "weights.safetensors", average, pictures=seen)
            if last or time.monotonic() - saved > STATE_SECONDS:
                save_state(state_path, network, average, optimizer, {"step": step + 1})
                saved = time.monotonic()
        yield progress
    accelerator.wait_for_everyone()


def _draw(
    settings: TrainSettings, pictures: Pictures, step: int, accelerator: Accelerator
) -> tuple[Tensor, Tensor, Tensor]:
    """The pictures, levels and noise of one step in this process; also seeds its dropout."""
    share = settings.batch // accelerator.num_processes
    first = step * settings.batch + accelerator.process_index * share
    generator = step_generator(settings.seed, step, accelerator.process_index)
    x0 = pictures.floats(batch_indices(first, share, len(pictures), settings.seed))
    sigma = draw_sigma(share, generator, p_mean=settings.p_mean, p_std=settings.p_std)
    eps = torch.randn(x0.shape, generator=generator)
    if settings.augment == "flip":
        mirrored = torch.rand(share, generator=generator) < 0.5
        x0 = torch.where(mirrored[:, None, None, None], x0.flip(-1), x0)
    if settings.network.dropout > 0:
        torch.manual_seed(generator.initial_seed())
    return x0.to(accelerator.device), sigma.to(accelerator.device), eps.to(accelerator.device)


def _rate(settings: TrainSettings, seen: int) -> float:
    warmup = settings.warmup_kimg * 1000
    return settings.learning_rate * min(1.0, seen / warmup if warmup else 1.0)


def _mixed(precision: str) -> str:
    return {"fp32": "no", "bf16": "bf16"}[precision]


def _log(path: Path, progress: Progress) -> None:
    line = {"pictures": progress.pictures, "loss": progress.loss}
    line["pictures_per_second"] = round(progress.pictures_per_second, 1)
    with open(path, "a") as file:
        file.write(json.dumps(line) + "\n")


def _cut_log(path: Path, pictures: int) -> None:
    """Drop what a killed run logged after its last saved state: those pictures will be seen again."""
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text().splitlines():
        try:
            record: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            break  # the line that was being written when the run was killed
        if record["pictures"] > pictures:
            break
        kept.append(line)
    with replacing(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in kept))


def _versions() -> dict[str, str]:
    found = {"torch": torch.__version__}
    for name in ("denoscope", "accelerate"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree
            found[name] = "source"
    return found
