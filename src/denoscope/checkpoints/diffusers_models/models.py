"""A folder of diffusers as a denoiser, with all that is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from denoscope.checkpoints.conditions import Condition
from denoscope.checkpoints.diffusers_models.autoencoders import Autoencoder, open_autoencoder
from denoscope.checkpoints.diffusers_models.calls import Called, Packed, Sized
from denoscope.checkpoints.diffusers_models.conditions import told
from denoscope.checkpoints.diffusers_models.folders import CONFIG, DiffusersFolder
from denoscope.checkpoints.diffusers_models.networks import content_hash, diffusers_network
from denoscope.checkpoints.diffusers_models.schedules import taught
from denoscope.checkpoints.diffusers_models.shapes import latent_shape
from denoscope.checkpoints.guided import GuidedDenoiser
from denoscope.denoiser import Denoiser
from denoscope.parametrisations import PredictionDenoiser

__all__ = ["DiffusersModel", "open_diffusers"]


@dataclass(frozen=True)
class DiffusersModel:
    """A denoiser out of a folder of diffusers."""

    denoiser: Denoiser
    family: str
    """Class, prediction and schedule in words."""
    parameters: int
    content_hash: str
    """Of the configurations and weights that were read."""
    condition: str
    """What it was given beside the picture, empty where it takes nothing."""
    autoencoder: Autoencoder | None
    """Whose latents it denoises, where it denoises latents."""


def open_diffusers(
    root: Path, condition: Condition, trust_remote_code: bool = False
) -> DiffusersModel:
    """The network of a pipeline or bare model under its scheduler, as D(x; sigma) given a condition.

    trust_remote_code: whether a network may be of a class in the folder's own code, which is then run.
    Raises InputError as `DiffusersFolder.read`, `taught`, `told` and `diffusers_network` do, and for a
    network whose answer is no prediction for its input.
    """
    folder = DiffusersFolder.read(root, trust_remote_code)
    training = taught(folder.scheduler_config(), str(folder.scheduler))
    if folder.encoder is not None:
        training = replace(training, data_range=(-1.0, 1.0))  # latents, used as they are
    shape = latent_shape(folder)
    words = told(folder, condition)
    network, files = diffusers_network(
        folder.kind, folder.config, folder.network, root, folder.code
    )

    if folder.kind == "FluxTransformer2DModel":
        network = Packed(network).eval()
    elif "time_ids" in words.given:
        network = Sized(network).eval()

    def given(keywords: Mapping[str, Tensor]) -> PredictionDenoiser:
        return training.denoiser(Called(network, shape[0], keywords).eval(), shape)

    own = [] if folder.code is None else folder.code.files
    autoencoder, coded = None, []
    if folder.encoder is not None:
        autoencoder, coded = open_autoencoder(folder.encoder, root, shape)
    denoiser: Denoiser = given(words.given)
    if words.none is not None and condition.guidance is not None:
        denoiser = GuidedDenoiser(denoiser, given(words.none), condition.guidance)
    return DiffusersModel(
        denoiser=denoiser,
        family=f"diffusers {folder.kind}{' of its own code' * (folder.code is not None)}, "
        + training.words
        + (f", of latents of an {autoencoder.note.autoencoder}" if autoencoder else ""),
        parameters=sum(p.numel() for p in network.parameters()),
        content_hash=content_hash(
            [folder.network / CONFIG, folder.scheduler, *files, *words.files, *coded, *own]
        ),
        condition=words.words,
        autoencoder=autoencoder,
    )
