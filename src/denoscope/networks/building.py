"""A network from its settings."""

from typing import Any

from torch import nn

from denoscope.networks.dhariwal_unet import DhariwalUNet
from denoscope.networks.dit import DiT
from denoscope.networks.edm2_unet import EDM2UNet
from denoscope.networks.guided_unet import GuidedUNet
from denoscope.networks.linear_net import LinearNet
from denoscope.networks.lucid_unet import LucidUNet
from denoscope.networks.preconditioning import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NoPreconditioning,
    Preconditioning,
    TablePreconditioning,
    VEPreconditioning,
    VPPreconditioning,
)
from denoscope.networks.settings import ELSEWHERE, HAS, NetworkSettings
from denoscope.networks.skip_net import SkipNet
from denoscope.networks.song_unet import SongUNet

__all__ = ["build_network"]


def build_network(settings: NetworkSettings) -> Preconditioning:
    """A freshly initialized network, float32 on the default device, in training mode.

    Weights come from torch's global generator: seed it, or fork it, outside.
    """
    model = _raw_network(settings)
    match settings.preconditioning:
        case "edm":
            return EDMPreconditioning(model, settings.sigma_data)
        case "vp":
            return VPPreconditioning(model)
        case "ve":
            return VEPreconditioning(model)
        case "iddpm":
            return IDDPMPreconditioning(model)
        case "table":
            return TablePreconditioning(model, settings.steps, settings.prediction)
        case "none":
            return NoPreconditioning(model)


def _raw_network(settings: NetworkSettings) -> nn.Module:
    channels, _, side = settings.shape
    layout = settings.guided or settings.edm2 or settings.lucid
    own: dict[str, Any] = {} if layout is None else layout.model_dump()
    twice = settings.preconditioning == "iddpm" or own.pop("variance", False)
    answers = 2 * channels if twice else channels
    sizes: dict[str, Any] = settings.model_dump(include=HAS[settings.arch] - set(ELSEWHERE)) | own
    match settings.arch:
        case "ddpmpp":
            return SongUNet(side, channels, answers, **sizes)
        case "ncsnpp":
            residual: dict[str, Any] = {"embedding": "fourier", "encoder": "residual"}
            return SongUNet(side, channels, answers, **sizes, **residual, taps=(1, 3, 3, 1))
        case "adm":
            return DhariwalUNet(side, channels, answers, **sizes)
        case "skip":
            return SkipNet(channels, channels, **sizes)
        case "dit":
            return DiT(side, channels, answers, **sizes)
        case "guided":
            return GuidedUNet(side, channels, answers, **sizes)
        case "edm2":
            return EDM2UNet(side, channels, **sizes)
        case "lucid":
            return LucidUNet(channels, answers, **sizes)
        case "linear":
            return LinearNet(settings.shape)
