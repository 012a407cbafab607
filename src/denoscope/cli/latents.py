"""What a model denoises of a set of pictures: themselves, or their latents, encoded under a progress bar."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from denoscope.cli.devices import placed
from denoscope.cli.progress import Bar
from denoscope.cli.speech import Voice

if TYPE_CHECKING:
    from denoscope.checkpoints import Model
    from denoscope.images import Pictures

__all__ = ["as_taken", "taking"]


def as_taken(model: "Model", pictures: "Pictures", voice: Voice, device: str) -> "Pictures":
    """The pictures, or their latents on disk where the model denoises latents."""
    if model.autoencoder is None:
        return pictures
    autoencoder, _ = placed(model.autoencoder, device)
    with Bar(voice, "encode", len(pictures), "pictures") as bar:
        return autoencoder.latents(pictures, on_pictures=bar.advance)


def taking(voice: Voice, device: str) -> "Callable[[Model, Pictures], Pictures]":
    """The same as a function of model and pictures alone."""
    return lambda model, pictures: as_taken(model, pictures, voice, device)
