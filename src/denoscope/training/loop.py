"""The training loop: a generator that yields progress; the caller owns bars, trackers and stopping.

Step k is a function of (weights before it, settings, pictures, k): pictures, levels, noise, flips and
dropout are drawn from generators keyed by (seed, k). A run killed at any moment and resumed therefore
ends with the same weights, bit for bit, as an unbroken one (CPU, one process).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
from denoscope.networks import Preconditioning, build_network
from denoscope.training.ema import ema_decay, update_ema
from denoscope.training.folder import (
    append_log,
    cut_log,
    prepare_run,
    snapshot_path,
    state_path,
    weights_path,
)
from denoscope.training.loss import draw_levels, training_loss
from denoscope.training.order import batch_indices, step_generator
from denoscope.training.settings import DataRecord, TrainSettings
from denoscope.training.state import load_state, save_state, save_weights

__all__ = ["Progress", "train", "untrained"]

REPORTS = 200  # progress is yielded about this often over a run
MOST_STEPS = 500  # between reports, and so between saved states of a very long run
STATE_SECONDS = 60.0  # the first report after so long saves the state: what a kill can cost


@dataclass(frozen=True)
class Progress:
    """Where a training stands. `loss` is the mean weighted loss since the last report."""

    pictures: int
    total: int
    loss: float
    pictures_per_second: float
    learning_rate: float
    snapshot: Path | None = None


def train(
    settings: TrainSettings,
    pictures: Pictures,
    out: Path,
    *,
    data: DataRecord,
    resume: bool = False,
    accelerator: Accelerator | None = None,
    looks_kimg: Sequence[float] = (),
) -> Iterator[Progress]:
    """Train a network on `pictures`, the training set itself; yield Progress about 200 times.

    The run's folder (docs: architecture) is complete when the generator ends. accelerator: for
    another device, several processes or trackers; by default one process on the CPU or GPU at hand.
    looks_kimg: counts at which progress is yielded with a snapshot too, which is the caller's to
    look at and to delete (`denoscope.auditing.train_watched`).

    Raises InputError for a folder or pictures that do not fit, RunError where the loss is not
    finite or the disk is full.
    """
    if tuple(pictures.shape) != settings.network.shape:
        raise InputError(
            f"the network takes pictures of shape {settings.network.shape}, the data has "
            f"{pictures.shape}: "
            "open the data with another size, or change the network's shape"
        )
    if data.n != len(pictures):
        raise InputError(
            f"the data's record says {data.n} training pictures, {len(pictures)} are given: "
            "give the training set itself, as DataRecord.split returns it"
        )
    # Autocast is our own, by the settings: accelerate fixes its precision once a process.
    accelerator = accelerator or Accelerator()
    if accelerator.mixed_precision not in ("no", settings.precision):
        raise InputError(
            f"accelerate is set to {accelerator.mixed_precision}, the settings to "
            f"{settings.precision}: launch it without mixed precision, the settings decide"
        )
    if settings.batch % accelerator.num_processes:
        raise InputError(
            f"a batch of {settings.batch} does not divide over {accelerator.num_processes} "
            "processes: "
            "give a batch that does"
        )
    if accelerator.is_main_process:
        prepare_run(out, settings, data, resume=resume, watched=bool(looks_kimg))
    accelerator.wait_for_everyone()
    yield from _steps(settings, pictures, out, accelerator, looks_kimg)


def untrained(settings: TrainSettings) -> Preconditioning:
    """The network as a training with these settings starts: a function of network and seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return build_network(settings.network)


def _steps(
    settings: TrainSettings,
    pictures: Pictures,
    out: Path,
    accelerator: Accelerator,
    looks_kimg: Sequence[float],
) -> Iterator[Progress]:
    device, main = accelerator.device, accelerator.is_main_process
    network = untrained(settings).to(device).train()
    # Fused: one pass over a weight and its moments, where the plain loop makes a dozen.
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    log_path = out / "log.jsonl"
    done = 0
    if state_path(out).exists():
        done = int(load_state(state_path(out), network, average, optimizer)["step"])
    if main:
        cut_log(log_path, done * settings.batch)
    denoise = accelerator.prepare_model(network)
    # After it: of several processes on a CPU, accelerate moves each to a "cpu:0", which copies.
    current = {name: value.detach() for name, value in network.state_dict().items()}
    optimizer = accelerator.prepare_optimizer(optimizer)

    snapshots = {settings.step_of(s): s for s in (*looks_kimg, *settings.snapshots_kimg)}
    every = max(1, min(settings.steps // REPORTS, MOST_STEPS))
    losses: list[Tensor] = []
    started = saved = time.monotonic()
    for step in range(done, settings.steps):
        x0, sigma, eps = _draw(settings, pictures, step, accelerator)
        for group in optimizer.param_groups:
            group["lr"] = _rate(settings, (step + 1) * settings.batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            loss = training_loss(settings, denoise, x0, sigma, eps).mean()
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen = (step + 1) * settings.batch
        update_ema(
            average,
            current,
            ema_decay(settings.batch, seen, settings.ema_half_life_kimg * 1000),
        )
        losses.append(loss.detach())

        last = step + 1 == settings.steps
        snapshot = snapshot_path(out, snapshots[step + 1]) if step + 1 in snapshots else None
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
        progress = Progress(
            pictures=seen,
            total=settings.steps * settings.batch,
            loss=mean_loss,
            pictures_per_second=rate,
            learning_rate=_rate(settings, seen),
            snapshot=snapshot,
        )
        if main:
            append_log(log_path, pictures=seen, loss=mean_loss, pictures_per_second=round(rate, 1))
            if snapshot:
                save_weights(snapshot, average, pictures=seen)
            if last:
                save_weights(weights_path(out), average, pictures=seen)
            if last or time.monotonic() - saved > STATE_SECONDS:
                save_state(state_path(out), network, average, optimizer, {"step": step + 1})
                saved = time.monotonic()
        given = time.monotonic()
        yield progress
        started += time.monotonic() - given  # the caller's time is not the training's
    accelerator.wait_for_everyone()


def _draw(
    settings: TrainSettings, pictures: Pictures, step: int, accelerator: Accelerator
) -> tuple[Tensor, Tensor, Tensor]:
    """The pictures, levels and noise of one step in this process; also seeds its dropout."""
    share = settings.batch // accelerator.num_processes
    mine = slice(share * accelerator.process_index, share * (accelerator.process_index + 1))
    # Drawn whole and then cut: the numbers do not depend on how many processes there are.
    generator = step_generator(settings.seed, step)
    indices = batch_indices(step * settings.batch, settings.batch, len(pictures), settings.seed)
    x0 = pictures.floats(indices[mine])
    sigma = draw_levels(settings, settings.batch, generator)
    eps = torch.randn(settings.batch, *x0.shape[1:], generator=generator)
    sigma, eps = sigma[mine], eps[mine]
    if settings.augment == "flip":
        mirrored = torch.rand(settings.batch, generator=generator)[mine] < 0.5
        x0 = torch.where(mirrored[:, None, None, None], x0.flip(-1), x0)
    if settings.network.dropout > 0:
        torch.manual_seed(
            step_generator(settings.seed, step, accelerator.process_index).initial_seed()
        )
    return x0.to(accelerator.device), sigma.to(accelerator.device), eps.to(accelerator.device)


def _rate(settings: TrainSettings, seen: int) -> float:
    warmup = settings.warmup_kimg * 1000
    return settings.learning_rate * min(1.0, seen / warmup if warmup else 1.0)
