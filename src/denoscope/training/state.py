"""Resumable state: weights, averaged weights and Adam's moments in one safetensors file.

A state is written beside its final name, flushed to disk and renamed, so that the file under the
final name is always whole, whenever the process is killed. Counters travel in the file's own
metadata: there is no second file that could disagree with it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from denoscope.errors import InputError
from denoscope.tables import replacing

__all__ = ["load_state", "read_progress", "save_state", "save_weights"]


def save_weights(path: Path, weights: Mapping[str, Tensor], **metadata: Any) -> None:
    """Weights as float32 safetensors with JSON metadata, in one atomic step."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with replacing(path) as partial:
        try:
            save_file(tensors, partial, metadata={"denoscope": json.dumps(metadata)})
        except SafetensorError as error:  # the disk's fault, in its own words
            raise OSError(str(error)) from error


def save_state(
    path: Path,
    network: nn.Module,
    average: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    progress: dict[str, Any],
) -> None:
    """Everything a run needs to go on as if it had never stopped."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in moments.items()}
    save_weights(path, tensors, **progress)


def read_progress(path: Path) -> dict[str, Any]:
    """The progress of a saved state, without its tensors. Raises InputError where it is corrupt."""
    with _readable(path), safe_open(path, framework="pt") as file:
        progress = json.loads((file.metadata() or {})["denoscope"])
        return {**progress, "step": int(progress["step"])}


def load_state(
    path: Path,
    network: nn.Module,
    average: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> dict[str, Any]:
    """Put a saved state back into network, average and optimizer; return its progress.

    Raises InputError where the file is corrupt or of another network.
    """
    progress = read_progress(path)
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    with _readable(path):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                part, _, rest = name.partition(".")
                parts[part][rest] = file.get_tensor(name)
        network.load_state_dict(parts["network"])
        for name, tensor in average.items():
            tensor.copy_(parts["average"][name])
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return progress


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{path} cannot be read ({reason}): remove it to start the run anew, or restore it "
            "from a copy"
        ) from error
