"""The shape of what a network of diffusers denoises, from its settings."""

from typing import Any

from denoscope.checkpoints.diffusers_models.folders import CONFIG, DiffusersFolder
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign_files import inside, read_object
from denoscope.errors import InputError

__all__ = ["autoencoder_factor", "latent_shape"]

LARGEST_SIDE = 2**14
FLOWS = ("SD3Transformer2DModel", "FluxTransformer2DModel")
FLUX_SIDE = 128  # of its latents, where nothing says another: as its pipeline has it


def latent_shape(folder: DiffusersFolder) -> tuple[int, int, int]:
    """(C, H, W) of what the network takes: of pictures, or of latents where it denoises these.

    Raises InputError where it states none, or answers another.
    """
    config, where = folder.config, folder.network
    channels, side = config.get("in_channels", 3), config.get("sample_size")
    answers, packed = config.get("out_channels", 3), folder.kind == "FluxTransformer2DModel"
    if folder.code is not None and config.get("out_channels") is None:
        answers = channels
    if folder.kind == "SD3Transformer2DModel":  # what a file leaves out is what the class has
        channels, side = config.get("in_channels", 16), config.get("sample_size", 128)
        answers = config.get("out_channels", 16)
    elif packed:
        channels, side = config.get("in_channels", 64), _flux_side(folder)
        answers = config.get("out_channels")
        answers = channels if answers is None else answers
    sides: list[Any] = side if isinstance(side, list) else [side, side]
    if len(sides) != 2 or not all(
        type(one) is int and 0 < one <= LARGEST_SIDE for one in (channels, *sides)
    ):
        raise InputError(
            f"{where} states in_channels {shown(channels)} and sample_size {shown(side)}: write the "
            "channels and the side of its pictures into its config.json"
        )
    variance = folder.kind not in FLOWS  # which a network may answer too, after the prediction
    if answers != channels and not (variance and answers == 2 * channels):
        raise InputError(
            f"{where} takes {channels} channels and answers {shown(answers)}: a denoiser answers what "
            "it takes (a network shown a second picture beside the noisy one is none by itself)"
        )
    if folder.kind == "SD3Transformer2DModel":
        _check_positions(config, sides, str(where))
    if packed:
        if channels % 4 or sides[0] % 2 or config.get("patch_size", 1) != 1:
            raise InputError(
                f"{where} takes {channels} channels in patches of {shown(config.get('patch_size', 1))} "
                f"and latents of side {sides[0]}: Flux has a multiple of 4, patches of 1, an even side"
            )
        channels //= 4
    return channels, sides[0], sides[1]


def _flux_side(folder: DiffusersFolder) -> Any:
    """A FluxTransformer2DModel takes any: that of its autoencoder's pictures, or its pipeline's."""
    if folder.encoder is None:
        return FLUX_SIDE
    config = read_object(inside(folder.root, folder.encoder / CONFIG))
    pictures, factor = config.get("sample_size", 32), autoencoder_factor(config)
    if type(pictures) is not int or factor is None:
        return None
    return pictures // factor


def autoencoder_factor(config: dict[str, Any]) -> int | None:
    """Pixels a side for each latent's, from an autoencoder's settings; None where these are none."""
    blocks = config.get("block_out_channels", [64])
    if not isinstance(blocks, list) or not 0 < len(blocks) < 16:
        return None
    return 2 ** (len(blocks) - 1)


def _check_positions(config: dict[str, Any], sides: list[int], where: str) -> None:
    patch, most = config.get("patch_size", 2), config.get("pos_embed_max_size", 96)
    if type(patch) is not int or patch < 1 or type(most) is not int or max(sides) > patch * most:
        raise InputError(
            f"{where} has sample_size {sides[0]}, patch_size {shown(patch)} and pos_embed_max_size "
            f"{shown(most)}: it has places for fewer patches than its pictures have"
        )
    if any(side % patch for side in sides):
        raise InputError(
            f"{where} cuts a side of {sides[0]} into patches of {patch}: give a multiple"
        )
