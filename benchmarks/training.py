"""Training against EDM's own loop: the same network, weights, pictures, levels and noise, steps in turn.

    python benchmarks/training.py --edm DIR     # a checkout of github.com/NVlabs/edm
    python benchmarks/training.py               # ours alone, and the bound; told, and not kept
    python benchmarks/training.py --edm DIR --device cuda

EDM's licence keeps it out of this project, so that its modules are called where a checkout lies: its network,
its preconditioning and its loss, float32, without augmentation; and around them, in the order of its loop,
torch's Adam, gradients freed of infinities, and averaged weights. What it reports to its own statistics is left
out. Ours is `denoscope.training.train` as it is, its log of every step included. Both loss curves come from
these very steps. EDM's learning rate is one step behind: its first step moves nothing.

The bound is all products of our step (convolutions and matrices, forwards and backwards) at the rate of a
float32 product of 1024 x 1024. `convolutions` is their share of a step of EDM (without EDM, of ours): both call
the same ones, so that 1 / share is the most that can be won beside them.

On a GPU ours runs in bfloat16, compiled by accelerate's own switch.
"""

import argparse
import importlib.util
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from comparing import RESULTS, Row, arguments, best_of, in_turn, keep, synthetic_pictures
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from denoscope.images import Pictures
from denoscope.networks import NetworkSettings
from denoscope.training import DataRecord, TrainSettings, edm_loss, train, untrained
from denoscope.training.ema import ema_decay
from denoscope.training.order import batch_indices, step_generator

__all__ = ["edms_loop", "main", "more", "share_of_convolutions"]


class Size(NamedTuple):
    shape: tuple[int, int, int]
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    dropout: float
    batch: int

    @property
    def network(self) -> dict[str, Any]:
        return {"arch": "ddpmpp"} | {k: v for k, v in self._asdict().items() if k != "batch"}


FULL = (
    Size((3, 32, 32), 32, (1, 2, 2), 1, (16,), 0.0, 16),
    Size((3, 32, 32), 32, (1, 2, 2), 1, (16,), 0.13, 16),
    Size((1, 28, 28), 16, (1, 3, 4), 1, (), 0.0, 32),
    Size((1, 16, 16), 16, (1, 2, 2), 2, (), 0.0, 16),
    Size((1, 8, 8), 16, (1, 2), 2, (), 0.0, 32),
)
SMALL = (Size((1, 8, 8), 8, (1, 2), 1, (), 0.0, 16),)


def more(parser: argparse.ArgumentParser) -> None:
    """This script's own words."""
    parser.add_argument("--edm", type=Path, help="a checkout of github.com/NVlabs/edm")
    parser.add_argument("--steps", type=int, default=16, help="steps a turn")


def module_of(edm: Path, name: str) -> ModuleType:
    """training/NAME.py of a checkout; by its path, as `training` is also what this script is called."""
    if str(edm) not in sys.path:
        sys.path.append(str(edm))  # it imports torch_utils, which lies beside
    place = importlib.util.spec_from_file_location(f"edm_{name}", edm / "training" / f"{name}.py")
    if place is None or place.loader is None or not (edm / "training" / f"{name}.py").is_file():
        raise SystemExit(
            f"{edm} has no training/{name}.py: give a checkout of github.com/NVlabs/edm"
        )
    module = importlib.util.module_from_spec(place)
    sys.modules[place.name] = module  # it looks itself up there
    place.loader.exec_module(module)
    return module


def edms_loop(
    edm: Path, settings: TrainSettings, pictures: Pictures, device: str
) -> Iterator[float]:
    """EDM's loop on the batches of `denoscope.training`: the mean loss of each step.

    Its loss draws levels and noise from torch's own generator, in the order in which ours are drawn
    from that of the step: seeded alike, both are the same numbers (on the CPU).
    """
    of = settings.network
    network: nn.Module = module_of(edm, "networks").EDMPrecond(
        img_resolution=of.shape[1],
        img_channels=of.shape[0],
        model_type="SongUNet",
        model_channels=of.width,
        channel_mult=list(of.multipliers),
        num_blocks=of.blocks,
        attn_resolutions=list(of.attention),
        dropout=of.dropout,
    )
    start = untrained(settings).state_dict()
    network.load_state_dict(start)
    network.to(device).train()
    parameters = list(network.parameters())
    averages = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate)
    weighted = module_of(edm, "loss").EDMLoss()
    for step in itertools.count():
        seen = step * settings.batch
        indices = batch_indices(seen, settings.batch, len(pictures), settings.seed)
        x0 = pictures.floats(indices).to(device)
        torch.manual_seed(step_generator(settings.seed, step).initial_seed())
        optimizer.zero_grad(set_to_none=True)
        losses = weighted(net=network, images=x0)
        (losses.sum() / settings.batch).backward()
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1, seen / (settings.warmup_kimg * 1000))
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(nan=0, posinf=1e5, neginf=-1e5)
        optimizer.step()
        beta = ema_decay(settings.batch, seen, settings.ema_half_life_kimg * 1000)
        for average, parameter in zip(averages, parameters, strict=True):
            average.copy_(parameter.detach().lerp(average, beta))
        yield float(losses.detach().mean())


def products_of(settings: TrainSettings) -> int:
    """Floating-point operations of one step's convolutions and matrix products."""
    network = untrained(settings)
    x0 = torch.zeros(settings.batch, *settings.network.shape)
    with FlopCounterMode(display=False) as counter:
        edm_loss(network, x0, torch.ones(len(x0)), torch.ones_like(x0)).mean().backward()
    return counter.get_total_flops()


def share_of_convolutions(step: Callable[[], Any]) -> float:
    """The share of a step's time spent in convolutions and their derivatives."""
    with profile(activities=[ProfilerActivity.CPU]) as told:
        step()
    times = {event.key: event.self_cpu_time_total for event in told.key_averages()}
    inside = sum(t for key, t in times.items() if key.startswith("aten::") and "convolution" in key)
    return inside / sum(times.values())


def row_of(size: Size, words: argparse.Namespace) -> tuple[Row, dict[str, list[float]]]:
    """One network: a row of the table, and both loss curves."""
    network, batch, device = NetworkSettings(**size.network), size.batch, words.device
    # in_turn's first pair warms up; one step before it is profiled.
    steps = words.steps * (words.repeats + 1) + 1
    settings = TrainSettings(
        network=network,
        kimg=steps * batch / 1000,
        batch=batch,
        warmup_kimg=0.5,
        precision="fp32" if device == "cpu" else "bf16",
    )
    pictures = Pictures.from_tensor(synthetic_pictures(4096, network.shape))
    data = DataRecord.of(pictures, len(pictures), where="synthetic")
    on = Accelerator(cpu=True) if device == "cpu" else Accelerator(dynamo_backend="inductor")
    curves: dict[str, list[float]] = {"ours": [], "rival": []}
    row: Row = {
        "network": f"{network.shape[1]}x{network.shape[2]}, width {size.width}",
        "parameters": sum(one.numel() for one in untrained(settings).parameters()),
        "dropout": size.dropout,
        "batch": batch,
        "device": device,
    }
    with tempfile.TemporaryDirectory() as folder:
        told = train(settings, pictures, Path(folder) / "run", data=data, accelerator=on)
        ours = partial(take, (one.loss for one in told), curves["ours"])
        share = share_of_convolutions(partial(ours, 1))
        if words.edm:
            theirs = partial(
                take, edms_loop(words.edm, settings, pictures, device), curves["rival"]
            )
            row["rival"] = "EDM"
            share = share_of_convolutions(partial(theirs, 1))
            row |= in_turn(partial(ours, words.steps), partial(theirs, words.steps), words.repeats)
        else:
            row |= {"rival": "none", "repeats": words.repeats}
            row["ours_seconds"] = best_of(partial(ours, words.steps), words.repeats)
    seen = words.steps * batch
    row["pictures_per_second"] = round(seen / row["ours_seconds"], 1)
    square = torch.randn(1024, 1024, device=device)
    bound = products_of(settings) * words.steps / 2 / 1024**3 * best_of(lambda: square @ square, 5)
    row["over_bound"] = round(row["ours_seconds"] / bound, 2)
    row["convolutions"] = round(share, 2)
    last = len(curves["ours"]) // 4
    for name in ("ours", "rival"):
        if curves[name]:
            row[f"{name}_loss"] = round(statistics.mean(curves[name][-last:]), 4)
    return row, curves


def take(losses: Iterator[float], curve: list[float], steps: int) -> None:
    curve.extend(itertools.islice(losses, steps))


def main(words: argparse.Namespace | None = None) -> list[Row]:
    words = words or arguments(__doc__, more=more)
    rows: list[Row] = []
    curves: list[dict[str, list[float]]] = []
    for size in SMALL if words.small else FULL:
        row, both = row_of(size, words)
        rows.append(row)
        curves.append(both)
        print(row, flush=True)
        if words.edm is None and words.out == RESULTS:
            continue
        keep(
            words,
            "training",
            f"DDPM++, {words.steps} steps a turn. Wanted: twice the pictures a second on a CPU, 1.5 times on a "
            "GPU, at an equal loss curve. Over bound: by how much ours is above its products at the full "
            "rate. Convolutions: their share of a step. Losses: means over the last quarter of the steps.",
            rows,
            curves=curves,
        )
    return rows


if __name__ == "__main__":
    main()
