"""Architectures, their preconditioning, and the settings from which they are built."""

from denoscope.networks.building import build_network
from denoscope.networks.dhariwal_unet import DhariwalUNet
from denoscope.networks.dit import DiT
from denoscope.networks.edm2_unet import EDM2UNet
from denoscope.networks.guided_unet import GuidedUNet
from denoscope.networks.layouts import EDM2Layout, GuidedLayout, LucidLayout
from denoscope.networks.linear_net import LinearNet
from denoscope.networks.lucid_unet import LucidUNet
from denoscope.networks.preconditioning import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NoPreconditioning,
    Preconditioning,
    Scalings,
    TablePreconditioning,
    TablePrediction,
    VEPreconditioning,
    VPPreconditioning,
)
from denoscope.networks.settings import NetworkSettings
from denoscope.networks.skip_net import SkipNet
from denoscope.networks.song_unet import SongUNet

__all__ = [
    "DhariwalUNet",
    "DiT",
    "EDM2Layout",
    "EDM2UNet",
    "EDMPreconditioning",
    "GuidedLayout",
    "GuidedUNet",
    "IDDPMPreconditioning",
    "LinearNet",
    "LucidLayout",
    "LucidUNet",
    "NetworkSettings",
    "NoPreconditioning",
    "Preconditioning",
    "Scalings",
    "SkipNet",
    "SongUNet",
    "TablePreconditioning",
    "TablePrediction",
    "VEPreconditioning",
    "VPPreconditioning",
    "build_network",
]
