"""Architectures, their preconditioning, and the settings from which they are built."""

from denoscope.networks.dhariwal_unet import DhariwalUNet
from denoscope.networks.preconditioning import EDMPreconditioning, Preconditioning, Scalings
from denoscope.networks.settings import NetworkSettings, build_network
from denoscope.networks.song_unet import SongUNet

__all__ = [
    "DhariwalUNet",
    "EDMPreconditioning",
    "NetworkSettings",
    "Preconditioning",
    "Scalings",
    "SongUNet",
    "build_network",
]
