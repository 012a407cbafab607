"""The network of Karras et al. 2024 (EDM2) in a pickle: what its records say, as this project's settings.

The file also holds the encoder of its pictures: none but a change of range for models of pixels, and
Stable Diffusion's with a scale and a shift for each channel for models of latents.
"""

from typing import Any

from pydantic import ValidationError
from torch import Tensor

from denoscope.checkpoints.foreign.persistent_objects import (
    attributes,
    made_with,
    module_weights,
    part,
    variant,
)
from denoscope.checkpoints.foreign.pickle_machine import Record, shown
from denoscope.checkpoints.foreign.pickled_tensors import array_values
from denoscope.checkpoints.imported import first_problem
from denoscope.checkpoints.latent_space import LatentSpace
from denoscope.errors import InputError
from denoscope.networks import EDMPreconditioning, NetworkSettings

__all__ = ["EDM2", "EDM2Network", "latent_space"]

EDM2 = "Precond"  # the class of a network of EDM2 with its preconditioning
ENCODERS = {"StabilityVAEEncoder": True, "StandardRGBEncoder": False}  # to latents?
# Our names, the original's, and the original's defaults.
SIZES = {
    "width": ("model_channels", 192),
    "multipliers": ("channel_mult", [1, 2, 3, 4]),
    "blocks": ("num_blocks", 3),
    "attention": ("attn_resolutions", [16, 8]),
    "label_dim": ("label_dim", 0),
}
LAYOUT = {
    "head_width": ("channels_per_head", 64),
    "taps": ("resample_filter", [1, 1]),
    "label_balance": ("label_balance", 0.5),
    "concat_balance": ("concat_balance", 0.5),
    "block_balance": ("res_balance", 0.3),
    "attention_balance": ("attn_balance", 0.3),
    "clip": ("clip_act", 256),
}
FACTORS = {"noise_features": "channel_mult_noise", "embedding": "channel_mult_emb"}  # of the width
BESIDE = {"img_resolution", "img_channels", "dropout"}
UNCERTAINTY = ("logvar_fourier.", "logvar_linear.")  # of the loss alone


class EDM2Network:
    """What the records of the preconditioning and its network say of themselves.

    Raises InputError for other networks, and in `settings` for a variant that is not known.
    """

    family = "EDM2 pickle (Precond, edm2)"

    def __init__(self, outer: Record, where: str) -> None:
        self.record, self.where = outer, where
        inner = part(attributes(outer, where), "_modules").get("unet")
        if not isinstance(inner, Record) or inner.name != "UNet":
            name = shown(inner.name) if isinstance(inner, Record) else "nothing"
            raise InputError(f"{where} holds {name} under its {outer.name}: known is UNet")
        self.outer, self.inner = made_with(outer, where), made_with(inner, where)

    def sigma_range(self) -> tuple[float, float]:
        """That of EDM's sampler, as the file states none."""
        return EDMPreconditioning.sigma_range

    def settings(self) -> NetworkSettings:
        """Raises ValidationError for sizes that no network here has, InputError for a variant."""
        known = {name for name, _ in (SIZES | LAYOUT).values()} | BESIDE | set(FACTORS.values())
        if strange := self.inner.keys() - known:
            name = min(map(str, strange))
            raise variant(self.where, name, self.inner.get(name), "nothing")
        sizes = {ours: self.inner.get(*theirs) for ours, theirs in SIZES.items()}
        layout = {ours: self.inner.get(*theirs) for ours, theirs in LAYOUT.items()}
        for ours, theirs in FACTORS.items():
            factor = self.inner.get(theirs)
            if factor is not None:
                whole = type(factor) is int and type(sizes["width"]) is int
                layout[ours] = factor * sizes["width"] if whole else factor
        side, channels = self.inner.get("img_resolution"), self.inner.get("img_channels")
        multipliers, attention = sizes["multipliers"], sizes["attention"]
        if type(side) is int and isinstance(multipliers, list) and isinstance(attention, list):
            sides = [side >> level for level in range(min(len(multipliers), 64))]
            sizes["attention"] = [one for one in attention if one in sides]
        given = {"arch": "edm2", "shape": [channels, side, side], **sizes, "edm2": layout}
        given["sigma_data"] = self.outer.get("sigma_data", 0.5)
        return NetworkSettings.model_validate(given)

    def weights(self) -> dict[str, Tensor]:
        """By the names of this project's network."""
        weights = module_weights(self.record, self.where)
        return {
            f"model.{name.removeprefix('unet.')}": value
            for name, value in weights.items()
            if not name.startswith(UNCERTAINTY)
        }


def latent_space(encoder: Any, where: str) -> LatentSpace | None:
    """The space of the encoder in the file; None for pictures, and for a file of EDM, which has none.

    Raises InputError for an encoder that is not known.
    """
    if encoder is None:
        return None
    if not isinstance(encoder, Record) or encoder.name not in ENCODERS:
        name = shown(encoder.name if isinstance(encoder, Record) else encoder)
        raise InputError(f"{where} has the encoder {name}: known are {', '.join(ENCODERS)}")
    if not ENCODERS[encoder.name]:
        return None
    state = attributes(encoder, where)
    try:
        return LatentSpace.model_validate(
            {
                "encoder": state.get("vae_name"),
                "scale": array_values(state.get("scale")),
                "shift": array_values(state.get("bias")),
            }
        )
    except ValidationError as error:
        raise InputError(
            f"{where} does not say what its latents are ({first_problem(error)}): restore it from a copy"
        ) from error
