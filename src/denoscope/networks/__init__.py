"""Architectures, their preconditioning, and the settings from which they are built."""

from denoscope.networks.dhariwal_unet import DhariwalUNet
from denoscope.networks.dit import DiT
from denoscope.networks.guided_unet import GuidedUNet
from denoscope.networks.linear_net import LinearNet
from denoscope.networks.preconditioning import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NoPreconditioning,
    Preconditioning,
    Scalings,
    TablePreconditioning,
    VEPreconditioning,
    VPPreconditioning,
)
from denoscope.networks.settings import NetworkSettings, build_network
from denoscope.networks.skip_net import SkipNet
from denoscope.networks.song_unet import SongUNet

__all__ = [
    "DhariwalUNet",
    "DiT",
    "EDMPreconditioning",
    "GuidedUNet",
    "IDDPMPreconditioning",
    "LinearNet",
    "NetworkSettings",
    "NoPreconditioning",
    "Preconditioning",
    "Scalings",
    "SkipNet",
    "SongUNet",
    "TablePreconditioning",
    "VEPreconditioning",
    "VPPreconditioning",
    "build_network",
]
