"""denoscope opens a diffusion model as a family of denoisers D(x; sigma) and shows, noise level by
noise level, whether it generalizes (Gaussian structure of its data) or memorizes (the pictures).

    import denoscope as ds

    pictures = ds.open_images("mnist-5k")
    train, held_out = pictures.split(4000, seed=0)
    audit = ds.audit(ds.open_denoiser("runs/mnist-4000"), train, held_out, seed=0)
    print(audit.verdict)

Every name below is imported at first use (PEP 562), so that `import denoscope` costs nothing and
loads neither torch nor anything else that is large. Rooms are reached the same way: `ds.metrics`.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:  # the same names once more, for type checkers and editors
    from denoscope import auditing as auditing
    from denoscope import checkpoints as checkpoints
    from denoscope import closed_form as closed_form
    from denoscope import denoiser as denoiser
    from denoscope import distillation as distillation
    from denoscope import errors as errors
    from denoscope import images as images
    from denoscope import metrics as metrics
    from denoscope import networks as networks
    from denoscope import noise as noise
    from denoscope import parametrisations as parametrisations
    from denoscope import report as report
    from denoscope import sampling as sampling
    from denoscope import sweeps as sweeps
    from denoscope import tables as tables
    from denoscope import training as training
    from denoscope.auditing import Audit as Audit
    from denoscope.auditing import MemorizationWatch as MemorizationWatch
    from denoscope.auditing import ModelCheck as ModelCheck
    from denoscope.auditing import audit as audit
    from denoscope.auditing import check_model as check_model
    from denoscope.auditing import train_watched as train_watched
    from denoscope.checkpoints import describe_model as describe_model
    from denoscope.checkpoints import open_denoiser as open_denoiser
    from denoscope.closed_form import GaussianDenoiser as GaussianDenoiser
    from denoscope.closed_form import LinearDenoiser as LinearDenoiser
    from denoscope.closed_form import MultiDeltaDenoiser as MultiDeltaDenoiser
    from denoscope.denoiser import Denoiser as Denoiser
    from denoscope.denoiser import FunctionDenoiser as FunctionDenoiser
    from denoscope.denoiser import LevelwiseDenoiser as LevelwiseDenoiser
    from denoscope.denoiser import Spec as Spec
    from denoscope.distillation import distill as distill
    from denoscope.distillation import linear_denoiser as linear_denoiser
    from denoscope.errors import DenoscopeError as DenoscopeError
    from denoscope.errors import InputError as InputError
    from denoscope.errors import RunError as RunError
    from denoscope.errors import SigmaOutOfRange as SigmaOutOfRange
    from denoscope.images import Pictures as Pictures
    from denoscope.images import near_duplicate_groups as near_duplicate_groups
    from denoscope.images import open_images as open_images
    from denoscope.networks import NetworkSettings as NetworkSettings
    from denoscope.networks import build_network as build_network
    from denoscope.noise import karras_levels as karras_levels
    from denoscope.parametrisations import ContinuousSchedule as ContinuousSchedule
    from denoscope.parametrisations import DiscreteSchedule as DiscreteSchedule
    from denoscope.parametrisations import as_prediction as as_prediction
    from denoscope.parametrisations import from_blind as from_blind
    from denoscope.parametrisations import from_denoised as from_denoised
    from denoscope.parametrisations import from_epsilon as from_epsilon
    from denoscope.parametrisations import from_flow as from_flow
    from denoscope.parametrisations import from_score as from_score
    from denoscope.parametrisations import from_velocity as from_velocity
    from denoscope.parametrisations import from_x0 as from_x0
    from denoscope.report import write_report as write_report
    from denoscope.sampling import sample as sample
    from denoscope.sampling import trajectory as trajectory
    from denoscope.tables import read_audit as read_audit
    from denoscope.training import TrainSettings as TrainSettings
    from denoscope.training import train as train

# Rooms with a public face. No name in `_HOME` may equal one of these, or any other module here.
_ROOMS = (
    "auditing",
    "checkpoints",
    "closed_form",
    "denoiser",
    "distillation",
    "errors",
    "images",
    "metrics",
    "networks",
    "noise",
    "parametrisations",
    "report",
    "sampling",
    "sweeps",
    "tables",
    "training",
)

# Public name -> the room it lives in.
_HOME = {
    "Audit": "auditing",
    "ContinuousSchedule": "parametrisations",
    "Denoiser": "denoiser",
    "DenoscopeError": "errors",
    "DiscreteSchedule": "parametrisations",
    "FunctionDenoiser": "denoiser",
    "GaussianDenoiser": "closed_form",
    "InputError": "errors",
    "LevelwiseDenoiser": "denoiser",
    "LinearDenoiser": "closed_form",
    "MemorizationWatch": "auditing",
    "ModelCheck": "auditing",
    "MultiDeltaDenoiser": "closed_form",
    "NetworkSettings": "networks",
    "Pictures": "images",
    "RunError": "errors",
    "SigmaOutOfRange": "errors",
    "Spec": "denoiser",
    "TrainSettings": "training",
    "as_prediction": "parametrisations",
    "audit": "auditing",
    "build_network": "networks",
    "check_model": "auditing",
    "describe_model": "checkpoints",
    "distill": "distillation",
    "from_blind": "parametrisations",
    "from_denoised": "parametrisations",
    "from_epsilon": "parametrisations",
    "from_flow": "parametrisations",
    "from_score": "parametrisations",
    "from_velocity": "parametrisations",
    "from_x0": "parametrisations",
    "karras_levels": "noise",
    "linear_denoiser": "distillation",
    "near_duplicate_groups": "images",
    "open_denoiser": "checkpoints",
    "open_images": "images",
    "read_audit": "tables",
    "sample": "sampling",
    "train": "training",
    "train_watched": "auditing",
    "trajectory": "sampling",
    "write_report": "report",
}

__all__ = [*_ROOMS, *_HOME, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return importlib.import_module(f"denoscope.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"denoscope.{_HOME[name]}"), name)
        globals()[name] = value  # the next access is an ordinary one
        return value
    raise AttributeError(f"module 'denoscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
