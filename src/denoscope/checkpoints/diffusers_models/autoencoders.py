"""The autoencoder of a latent model: pictures to the latents that the network denoises, and back.

    z = (code(picture) - shift) scale,        picture = decoder(z / scale + shift)

code: of an AutoencoderKL the mode of its posterior, which is its mean, so that nothing is drawn; of a
VQModel the encoder's answer, which its decoder rounds to the codebook. scale and shift are those of
its config.json: scaling_factor and shift_factor, or, a value a channel, scaling_factor / latents_std
and latents_mean. z is what the network was trained on, and what its sigma is measured in.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from denoscope.checkpoints.diffusers_models.folders import AUTOENCODERS, CONFIG, configuration
from denoscope.checkpoints.diffusers_models.latents import cached_latents
from denoscope.checkpoints.diffusers_models.networks import content_hash, diffusers_network
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.tables import LatentNote

__all__ = ["Autoencoder", "open_autoencoder"]

CODES = {"AutoencoderKL": "mode of the posterior", "VQModel": "code before rounding"}
VALUES = 2**18  # pixels of a channel in a batch: one picture of 512 x 512
MOST_HALVINGS = 8


class Autoencoder:
    """Pictures (B, C, H, W) in [-1, 1] to latents (B, c, h, w) and back, both float32.

    shape: (c, h, w). note: what it is, what of it is used, and (C, H, W) of its pictures.
    """

    def __init__(self, network: Any, note: LatentNote, shape: tuple[int, int, int]) -> None:
        self.network, self.note, self.shape = network, note, shape
        self.scale = torch.tensor(note.scale).reshape(-1, 1, 1)
        self.shift = torch.tensor(note.shift).reshape(-1, 1, 1)
        self.batch = max(1, VALUES // (note.pictures[1] * note.pictures[2]))

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """z of pictures, in batches; on the device that the pictures are on."""
        found = []
        for part in pictures.split(self.batch):
            with _exact():
                code = self.network.encode(part.to(self._home).float(), return_dict=False)[0]
            code = code.mode() if self.note.autoencoder == "AutoencoderKL" else code
            found.append(((code.cpu() - self.shift) * self.scale).to(pictures.device))
        return torch.cat(found)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """The pictures of z, in batches; on the device that the latents are on."""
        found = []
        for part in latents.split(self.batch):
            code = part.cpu().float() / self.scale + self.shift
            with _exact():
                found.append(self.network.decode(code.to(self._home), return_dict=False)[0])
        return torch.cat(found).to(latents.device)

    def latents(
        self, pictures: Pictures, *, on_pictures: Callable[[int], None] = lambda n: None
    ) -> Pictures:
        """The latents of a whole set, encoded once and kept on disk (`cached_latents`).

        on_pictures: called with the number of pictures just encoded. Raises InputError for pictures
        that are none of (C, H, W), or latents already.
        """
        wanted, given = self.note.pictures, tuple(pictures.shape)
        if given != wanted or pictures.scale is not None:
            raise InputError(
                f"{pictures!r} given to be encoded: give uint8 pictures of shape {wanted}"
            )
        return cached_latents(pictures, self.encode, self.note, self.shape, self.batch, on_pictures)

    def to(self, device: torch.device | str) -> "Autoencoder":
        """The same with its network, which is itself moved, on `device`."""
        return Autoencoder(self.network.to(device), self.note, self.shape)

    @property
    def _home(self) -> torch.device:
        return next(self.network.parameters()).device


def open_autoencoder(
    folder: Path, root: Path, shape: tuple[int, int, int]
) -> tuple[Autoencoder, list[Path]]:
    """(the autoencoder in `folder`, the files it was read from), for a network of latents of `shape`.

    Raises InputError for one of another class, whose latents are of other channels, with settings
    that none has, and as `diffusers_network` does.
    """
    kind, config = configuration(folder, root, AUTOENCODERS)
    blocks, channels = config.get("block_out_channels", [64]), config.get("in_channels", 3)
    inside = config.get("latent_channels", 4 if kind == "AutoencoderKL" else 3)
    if kind == "VQModel" and config.get("vq_embed_dim") is not None:
        inside = config["vq_embed_dim"]
    if not isinstance(blocks, list) or not 0 < len(blocks) <= MOST_HALVINGS + 1:
        raise InputError(f"{folder} has block_out_channels {shown(blocks)}: give 1 to 9 widths")
    if type(channels) is not int or channels < 1 or config.get("out_channels", 3) != channels:
        raise InputError(
            f"{folder} takes {shown(channels)} channels and answers "
            f"{shown(config.get('out_channels', 3))}: an autoencoder answers what it takes"
        )
    if inside != shape[0]:
        raise InputError(
            f"{folder} encodes to {shown(inside)} channels and the network denoises {shape[0]}: they "
            "are of different models"
        )
    scale, shift = _affine(config, shape[0], folder)
    network, weights = diffusers_network(kind, config, folder, root)
    files = [folder / CONFIG, *weights]
    side = 2 ** (len(blocks) - 1)
    note = LatentNote(
        autoencoder=kind,
        hash=content_hash(files),
        code=CODES[kind],
        scale=scale,
        shift=shift,
        pictures=(channels, shape[1] * side, shape[2] * side),
    )
    return Autoencoder(network, note, shape), files


def _affine(config: dict[str, Any], channels: int, where: Path) -> tuple[list[float], list[float]]:
    """(scale, shift) of z = (code - shift) scale, each of one value or one a channel."""
    factor, shift = config.get("scaling_factor", 0.18215), config.get("shift_factor")
    mean: Any = config.get("latents_mean")
    std: Any = config.get("latents_std")
    if not _number(factor) or factor <= 0 or not (shift is None or _number(shift)):
        raise InputError(
            f"{where} has scaling_factor {shown(factor)} and shift_factor {shown(shift)}: give a "
            "positive number, and a number or null"
        )
    if mean is None and std is None:
        return [float(factor)], [float(shift or 0)]
    if shift or not (_numbers(mean, channels) and _numbers(std, channels)) or min(std) <= 0:
        raise InputError(
            f"{where} has latents_mean {shown(mean)} and latents_std {shown(std)}: give {channels} "
            "numbers each, positive deviations, and no shift_factor beside them"
        )
    return [float(factor) / one for one in std], [float(one) for one in mean]  # pyright: ignore


def _numbers(value: object, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(map(_number, value))


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # pyright: ignore


def _exact() -> AbstractContextManager[object]:
    """Convolutions of float32 in float32 on a GPU too, whatever is set elsewhere."""
    return torch.backends.cudnn.flags(allow_tf32=False)
