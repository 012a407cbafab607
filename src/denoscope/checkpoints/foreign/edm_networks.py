"""The networks of Karras et al. 2022 in a pickle: what their records say, as this project's settings.

This project's own networks of the same architectures take the weights, whose names are the same.
"""

import math

from torch import Tensor

from denoscope.checkpoints.foreign.persistent_objects import (
    attributes,
    made_with,
    module_weights,
    part,
    variant,
)
from denoscope.checkpoints.foreign.pickle_machine import Record, shown
from denoscope.errors import InputError
from denoscope.networks import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NetworkSettings,
    Preconditioning,
    VEPreconditioning,
    VPPreconditioning,
)

__all__ = ["PRECONDITIONINGS", "EDMNetwork"]

PRECONDITIONINGS: dict[str, tuple[str, type[Preconditioning]]] = {
    "EDMPrecond": ("edm", EDMPreconditioning),
    "VPPrecond": ("vp", VPPreconditioning),
    "VEPrecond": ("ve", VEPreconditioning),
    "iDDPMPrecond": ("iddpm", IDDPMPreconditioning),
}
# What a preconditioning of the original may be given, and the only values that this one has.
CONSTANTS = {
    "vp": {"beta_d": 19.9, "beta_min": 0.1, "M": 1000, "epsilon_t": 1e-5},
    "iddpm": {"C_1": 0.001, "C_2": 0.008, "M": 1000},
}
# Settings of the original that make an architecture, with the defaults of its SongUNet.
SONG = {
    "embedding_type": "positional",
    "channel_mult_noise": 1,
    "encoder_type": "standard",
    "decoder_type": "standard",
    "resample_filter": [1, 1],
    "channel_mult_emb": 4,
}
NCSNPP = {
    "embedding_type": "fourier",
    "channel_mult_noise": 2,
    "encoder_type": "residual",
    "resample_filter": [1, 3, 3, 1],
}
ARCHITECTURES: dict[str, dict[str, dict[str, object]]] = {
    "SongUNet": {"ddpmpp": SONG, "ncsnpp": SONG | NCSNPP},
    "DhariwalUNet": {"adm": {"channel_mult_emb": 4}},
}
# Our names, the original's, and the original's defaults by class.
SIZES = {
    "width": ("model_channels", {"SongUNet": 128, "DhariwalUNet": 192}),
    "multipliers": ("channel_mult", {"SongUNet": [1, 2, 2, 2], "DhariwalUNet": [1, 2, 3, 4]}),
    "blocks": ("num_blocks", {"SongUNet": 4, "DhariwalUNet": 3}),
    "attention": ("attn_resolutions", {"SongUNet": [16], "DhariwalUNet": [32, 16, 8]}),
    "dropout": ("dropout", {"SongUNet": 0.1, "DhariwalUNet": 0.1}),
    "label_dim": ("label_dim", {"SongUNet": 0, "DhariwalUNet": 0}),
    "augment_dim": ("augment_dim", {"SongUNet": 0, "DhariwalUNet": 0}),
}
BESIDE = {"img_resolution", "in_channels", "out_channels", "label_dropout"}


class EDMNetwork:
    """What the records of a preconditioning and its network say of themselves.

    Raises InputError for other networks, and in `settings` for a variant that is not known.
    """

    def __init__(self, outer: Record, where: str) -> None:
        self.where = where
        if outer.name not in PRECONDITIONINGS:
            raise InputError(
                f"{where} holds a {shown(outer.name)}: known are {', '.join(PRECONDITIONINGS)}, and "
                "EDM2's Precond"
            )
        self.name, self.kind = PRECONDITIONINGS[outer.name]
        self.state = attributes(outer, where)
        self.record = outer
        self.outer = made_with(outer, where)
        inner = part(self.state, "_modules").get("model")
        if not isinstance(inner, Record) or inner.name not in ARCHITECTURES:
            name = shown(inner.name) if isinstance(inner, Record) else "nothing"
            raise InputError(
                f"{where} holds {name} under its {outer.name}: known are {', '.join(ARCHITECTURES)}"
            )
        self.network, self.inner = inner.name, made_with(inner, where)

    @property
    def family(self) -> str:
        return f"EDM pickle ({shown(self.record.name)}, {self.architecture()})"

    def weights(self) -> dict[str, Tensor]:
        weights = module_weights(self.record, self.where)
        if self.name == "iddpm":
            weights.pop("u", None)  # its levels, which follow from the constants
        return weights

    def settings(self) -> NetworkSettings:
        """Raises ValidationError for sizes that no network here has, InputError for a variant."""
        for name, value in CONSTANTS.get(self.name, {}).items():
            if self.outer.get(name, value) != value:
                raise variant(self.where, name, self.outer[name], value)
        side, channels = self.inner.get("img_resolution"), self.inner.get("in_channels")
        answers = {"iddpm": 2}.get(self.name, 1)
        if type(channels) is int and self.inner.get("out_channels") != answers * channels:
            raise variant(
                self.where, "out_channels", self.inner.get("out_channels"), answers * channels
            )
        sizes = {
            ours: self.inner.get(theirs, default[self.network])
            for ours, (theirs, default) in SIZES.items()
        }
        multipliers, attention = sizes["multipliers"], sizes["attention"]
        if type(side) is int and isinstance(multipliers, list) and isinstance(attention, list):
            sides = [side >> level for level in range(min(len(multipliers), 64))]
            sizes["attention"] = [one for one in attention if one in sides]
        given = {"arch": self.architecture(), "shape": [channels, side, side], **sizes}
        if self.name == "edm":
            given["sigma_data"] = self.outer.get("sigma_data", 0.5)
        return NetworkSettings.model_validate({**given, "preconditioning": self.name})

    def architecture(self) -> str:
        known = ARCHITECTURES[self.network]
        own = set().union(*known.values())
        strange = self.inner.keys() - own - BESIDE - {theirs for theirs, _ in SIZES.values()}
        if strange:
            raise variant(self.where, min(strange), self.inner[min(strange)], "nothing")
        first = next(iter(known.values()))
        chosen = {name: self.inner.get(name, first[name]) for name in own}
        for arch, values in known.items():
            if chosen == values:
                return arch
        best = min(known.values(), key=lambda one: sum(chosen[name] != one[name] for name in own))
        name = min(name for name in own if chosen[name] != best[name])
        raise variant(self.where, name, chosen[name], best[name])

    def sigma_range(self) -> tuple[float, float]:
        """What the file states, and what its preconditioning is trained for where it states no end.

        VP's and iDDPM's follow from their constants, and the file has them rounded.
        """
        low, high = self.kind.sigma_range
        if self.name in CONSTANTS:
            return low, high
        stated_low, stated_high = self.state.get("sigma_min"), self.state.get("sigma_max")
        if isinstance(stated_low, int | float) and 0 < stated_low < math.inf:
            low = float(stated_low)
        if isinstance(stated_high, int | float) and 0 < stated_high < math.inf:
            high = float(stated_high)
        return low, high
