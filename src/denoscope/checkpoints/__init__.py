"""One door for models, whoever made them."""

from denoscope.checkpoints.diffusers_models.autoencoders import Autoencoder
from denoscope.checkpoints.network import NetworkDenoiser
from denoscope.checkpoints.opening import Model, describe_model, open_denoiser
from denoscope.checkpoints.runs import bundled_names

__all__ = [
    "Autoencoder",
    "Model",
    "NetworkDenoiser",
    "bundled_names",
    "describe_model",
    "open_denoiser",
]
