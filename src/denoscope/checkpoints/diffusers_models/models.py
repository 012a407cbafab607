"""A folder of diffusers as a denoiser, with all that is known of it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from denoscope.checkpoints.conditions import Condition
from denoscope.checkpoints.diffusers_models.autoencoders import Autoencoder, open_autoencoder
from denoscope.checkpoints.diffusers_models.conditions import told
from denoscope.checkpoints.diffusers_models.folders import CONFIG, DiffusersFolder
from denoscope.checkpoints.diffusers_models.networks import content_hash, diffusers_network
from denoscope.checkpoints.diffusers_models.schedules import taught
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.guided import GuidedDenoiser
from denoscope.denoiser import Denoiser
from denoscope.errors import InputError
from denoscope.parametrisations import PredictionDenoiser

__all__ = ["DiffusersModel", "open_diffusers"]

LARGEST_SIDE = 2**14


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


def open_diffusers(root: Path, condition: Condition) -> DiffusersModel:
    """The network of a pipeline or bare model under its scheduler, as D(x; sigma) given a condition.

    Raises InputError as `DiffusersFolder.read`, `taught`, `told` and `diffusers_network` do, and for a
    network whose answer is no prediction for its input.
    """
    folder = DiffusersFolder.read(root)
    training = taught(folder.scheduler_config(), str(folder.scheduler))
    shape = _shape(folder.config, folder.network)
    words = told(folder, condition)
    network, files = diffusers_network(folder.kind, folder.config, folder.network, root)

    def given(keywords: Mapping[str, Tensor]) -> PredictionDenoiser:
        return training.denoiser(Called(network, shape[0], keywords).eval(), shape)

    autoencoder, coded = None, []
    if folder.encoder is not None:
        autoencoder, coded = open_autoencoder(folder.encoder, root, shape)
    denoiser: Denoiser = given(words.given)
    if words.none is not None and condition.guidance is not None:
        denoiser = GuidedDenoiser(denoiser, given(words.none), condition.guidance)
    return DiffusersModel(
        denoiser=denoiser,
        family=f"diffusers {folder.kind}, {training.words}"
        + (f", of latents of an {autoencoder.note.autoencoder}" if autoencoder else ""),
        parameters=sum(p.numel() for p in network.parameters()),
        content_hash=content_hash(
            [folder.network / CONFIG, folder.scheduler, *files, *words.files, *coded]
        ),
        condition=words.words,
        autoencoder=autoencoder,
    )


class Called(nn.Module):
    """network(x_t, t) of diffusers as a function from tensors to one: the prediction for x_t alone.

    channels: those of the prediction; a network that predicts a variance too has as many after them.
    keywords: what else it is told, tensors of one row, which every picture gets.
    """

    def __init__(self, network: nn.Module, channels: int, keywords: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network, self.channels, self.keywords = network, channels, tuple(keywords)
        for name, value in keywords.items():
            self.register_buffer(f"told_{name}", value)
        for module in network.modules():
            if isinstance(module, nn.GroupNorm):
                module.register_forward_pre_hook(_laid_out)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        rows = {name: getattr(self, f"told_{name}") for name in self.keywords}
        rows = {name: row.expand(len(x), *row.shape[1:]) for name, row in rows.items()}
        with _attention():
            answer = self.network(x, timestep=t, return_dict=False, **rows)[0]
        return answer[:, : self.channels]


def _laid_out(module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    """torch's forward-mode derivative of a group norm takes its input in rows alone; values stay."""
    return (given[0].contiguous(),)


def _attention() -> AbstractContextManager[object]:
    """Under forward-mode differentiation the plain kernel, as the fused ones have no such derivative."""
    if forward_ad._current_level < 0:
        return nullcontext()
    return sdpa_kernel(SDPBackend.MATH)


def _shape(config: dict[str, Any], where: Path) -> tuple[int, int, int]:
    """(C, H, W) of what the network takes. Raises InputError where it states none, or answers another."""
    channels, side = config.get("in_channels", 3), config.get("sample_size")
    sides: list[Any] = side if isinstance(side, list) else [side, side]
    if len(sides) != 2 or not all(
        type(one) is int and 0 < one <= LARGEST_SIDE for one in (channels, *sides)
    ):
        raise InputError(
            f"{where} states in_channels {shown(channels)} and sample_size {shown(side)}: write the "
            "channels and the side of its pictures into its config.json"
        )
    answers = config.get("out_channels", 3)
    if answers not in (channels, 2 * channels):
        raise InputError(
            f"{where} takes {channels} channels and answers {shown(answers)}: a denoiser answers what "
            "it takes (a network shown a second picture beside the noisy one is none by itself)"
        )
    return channels, sides[0], sides[1]
