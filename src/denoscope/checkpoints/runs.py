"""Our own runs: a folder of `denoscope train`, one of its snapshots, or a model bundled with the package."""

import json
import struct
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from denoscope.checkpoints.filling import filled_network
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.network import NetworkDenoiser
from denoscope.denoiser import Spec
from denoscope.errors import InputError
from denoscope.networks import Preconditioning
from denoscope.training import RunRecord, TrainSettings, untrained

__all__ = [
    "bundled_names",
    "bundled_path",
    "open_run",
    "read_record",
    "read_weights",
    "untrained_run",
]

EDM_CITATION = (
    "Karras, Aittala, Aila, Laine: Elucidating the Design Space of Diffusion-Based Generative "
    "Models. "
    "NeurIPS 2022. arXiv:2206.00364"
)
SDE_CITATION = (
    "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole: Score-Based Generative Modeling through "
    "Stochastic Differential Equations. ICLR 2021. arXiv:2011.13456"
)
IDDPM_CITATION = (
    "Nichol, Dhariwal: Improved Denoising Diffusion Probabilistic Models. ICML 2021. "
    "arXiv:2102.09672"
)
DDPM_CITATION = (
    "Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models. NeurIPS 2020. arXiv:2006.11239"
)
ADM_CITATION = (
    "Dhariwal, Nichol: Diffusion Models Beat GANs on Image Synthesis. NeurIPS 2021. "
    "arXiv:2105.05233"
)
CITATIONS = {
    "edm": (EDM_CITATION,),
    "vp": (SDE_CITATION, EDM_CITATION),
    "ve": (SDE_CITATION, EDM_CITATION),
    "iddpm": (IDDPM_CITATION, EDM_CITATION),
    "table": (DDPM_CITATION,),
    "none": (),
}
EDM2_CITATION = (
    "Karras, Aittala, Lehtinen, Hellsten, Aila, Laine: Analyzing and Improving the Training Dynamics "
    "of Diffusion Models. CVPR 2024. arXiv:2312.02696"
)
ARCHITECTURE_CITATIONS = {"guided": (ADM_CITATION,), "edm2": (EDM2_CITATION,)}


def bundled_names() -> tuple[str, ...]:
    """Names that `bundled:NAME` knows."""
    root = files("denoscope") / "bundled"
    return (
        tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir()))
        if root.is_dir()
        else ()
    )


def bundled_path(name: str) -> Path:
    """The run folder of a bundled model. Raises InputError for an unknown name."""
    if name not in bundled_names():
        raise InputError(
            f"no bundled model is called {name!r}: choose one of {', '.join(bundled_names())}"
        )
    return Path(str(files("denoscope") / "bundled" / name))


def read_record(folder: Path) -> RunRecord:
    """run.json of a run folder. Raises InputError where it is missing or does not read."""
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(
            f"{folder} is not a run: it has no run.json; give a folder made by `denoscope train`"
        )
    return RunRecord.read(path)


def open_run(where: Path) -> tuple[NetworkDenoiser, RunRecord, Path]:
    """(denoiser, record, weights file) of a run folder or of one file of its snapshots.

    Raises InputError for a run that is unfinished, for weights that are corrupt, of another
    network, or not finite.
    """
    folder = (
        where
        if where.is_dir()
        else where.parent.parent
        if where.parent.name == "snapshots"
        else where.parent
    )
    record = read_record(folder)
    path = where if where.is_file() else folder / "weights.safetensors"
    if not path.is_file():
        raise InputError(
            f"{folder} holds no finished weights: end the training with `denoscope train ... "
            "--resume`, "
            f"or give one of {folder / 'snapshots'}"
        )
    network = filled_network(record.settings.network, read_weights(path), path)
    return _denoiser(network, record.settings), record, path


def untrained_run(settings: TrainSettings) -> NetworkDenoiser:
    """The network that a training with these settings starts from, before any step."""
    return _denoiser(untrained(settings), settings)


def _denoiser(network: Preconditioning, settings: TrainSettings) -> NetworkDenoiser:
    """With the levels it was trained for: its preconditioning's range, or a DAE's only one."""
    level = settings.level
    low, high = network.sigma_range if level is None else (level, level)
    spec = Spec(
        name="network",
        shape=settings.network.shape,
        sigma_min=low,
        sigma_max=high,
        levels=None if level is None else torch.tensor([level], dtype=torch.float64),
        citations=CITATIONS[settings.network.preconditioning],
    )
    return NetworkDenoiser(network, spec)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises InputError for one that is corrupt."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, struct.error, json.JSONDecodeError) as error:
        raise InputError(
            f"{path} is not a whole safetensors file ({shown(error)}): restore it from a copy, or "
            "make it again"
        ) from error
