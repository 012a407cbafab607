"""From the word after --device to a device that is there."""

from typing import Any

from denoscope.errors import InputError

__all__ = ["choose_device", "placed"]


def choose_device(name: str) -> str:
    """cpu or cuda. Raises InputError where the machine has none of what was asked."""
    import torch

    if name == "mps":
        raise InputError(
            "--device mps: levels and sampling states are float64, which MPS has not: give cpu"
        )
    there = ["cpu"]
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    if name == "auto":
        return there[0]
    if name not in there:
        raise InputError(
            f"--device {name}: torch finds none here: choose from auto, {', '.join(there)}"
        )
    return name


def placed(denoiser: Any, name: str) -> tuple[Any, str]:
    """(the denoiser on that device, the device).

    A denoiser of the user's own that cannot be moved stays where it is: auto then means the CPU.
    """
    movable = hasattr(denoiser, "to")
    device = "cpu" if name == "auto" and not movable else choose_device(name)
    return (denoiser.to(device) if movable else denoiser), device
