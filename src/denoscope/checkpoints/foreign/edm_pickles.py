"""Network pickles of Karras et al. 2022 (`network-snapshot-*.pkl`, `edm-*.pkl`), read without running them.

Such a file is a plain pickle of a dictionary whose key `ema` holds the network. Every object in it is
a record: the name of its class, its attributes, and the source text of the class, which the original
program runs to make the object. Here the text is ignored, and this project's own network of the
same architecture takes the weights, whose names are the same.
"""

import hashlib
import math
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from denoscope.checkpoints.foreign.pickle_machine import (
    Allowance,
    Record,
    is_plain,
    run_pickle,
    shown,
)
from denoscope.checkpoints.foreign.pickled_tensors import tensor_makers
from denoscope.checkpoints.imported import ImportedModel, ImportRecord, first_problem
from denoscope.errors import InputError
from denoscope.networks import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NetworkSettings,
    Preconditioning,
    VEPreconditioning,
    VPPreconditioning,
)

__all__ = ["is_edm_pickle", "open_edm_pickle"]

MOST_BYTES = 16 * 2**30
MOST_MODULES = 100_000
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


def is_edm_pickle(path: Path) -> bool:
    """Whether this is a file that is called a pickle."""
    return path.suffix == ".pkl" and path.is_file()


def open_edm_pickle(path: Path) -> ImportedModel:
    """The averaged network (key `ema`) of an EDM pickle as one of this project's.

    Nothing in the file is executed, and memory stays within a few times its size. Raises InputError
    for a file that holds anything but such a network, is damaged, or has values that are not finite.
    """
    where = os.fspath(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= MOST_BYTES:
            raise InputError(f"{where} has {size:,} bytes: a network has 1 to {MOST_BYTES:,}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            digest = hashlib.sha256(content).hexdigest()
            allowance = Allowance(tensor_bytes=size)
            held = run_pickle(content, _makers(allowance, where), allowance, where)  # type: ignore[arg-type]
    if not isinstance(held, dict) or not isinstance(network := held.get("ema"), Record):
        keys = ", ".join(map(shown, list(held)[:8])) if isinstance(held, dict) else "no dictionary"
        raise InputError(
            f"{where} has no network under 'ema' (it holds: {keys}): give a network snapshot"
        )
    described = _Described(network, where)
    try:
        settings = described.settings()
        low, high = described.sigma_range()
        record = ImportRecord(
            family=f"EDM pickle ({shown(network.name)}, {settings.arch})",
            network=settings,
            sigma_min=low,
            sigma_max=high,
            source=path.name,
            source_hash=digest,
            trained_on=_trained_on(held),
        )
    except ValidationError as error:
        raise InputError(
            f"{where} describes no network that this version has ({first_problem(error)})"
        ) from error
    weights = _weights(network, where)
    if record.network.preconditioning == "iddpm":
        weights.pop("u", None)  # its levels, which follow from the constants
    if sum(value.numel() for value in weights.values()) > size:
        raise InputError(f"{where} has tensors that share their values: no network's do")
    return ImportedModel(record, weights, path)


def _makers(allowance: Allowance, where: str) -> dict[str, Callable[..., object]]:
    def reconstruct(meta: object) -> Record:
        if not isinstance(meta, dict) or not isinstance(meta.get("class_name"), str):
            raise ValueError("an object does not name its class")
        return Record(meta["class_name"], (), meta.get("state"))

    return {
        **tensor_makers(allowance, where),
        "torch_utils.persistence._reconstruct_persistent_obj": reconstruct,
        "torch.nn.modules.container.ModuleDict": lambda: Record("ModuleDict"),
        "dnnlib.util.EasyDict": dict,
    }


class _Described:
    """What the records of a preconditioning and its network say of themselves."""

    def __init__(self, outer: Record, where: str) -> None:
        self.where = where
        if outer.name not in PRECONDITIONINGS:
            raise InputError(
                f"{where} holds a {shown(outer.name)}: known are {', '.join(PRECONDITIONINGS)}"
            )
        self.name, self.kind = PRECONDITIONINGS[outer.name]
        self.state = _attributes(outer, where)
        self.outer = self.given(outer)
        inner = _part(self.state, "_modules").get("model")
        if not isinstance(inner, Record) or inner.name not in ARCHITECTURES:
            name = shown(inner.name) if isinstance(inner, Record) else "nothing"
            raise InputError(
                f"{where} holds {name} under its {outer.name}: known are {', '.join(ARCHITECTURES)}"
            )
        self.network, self.inner = inner.name, self.given(inner)

    def given(self, record: Record) -> dict[str, Any]:
        """The keywords that made an object: words, numbers and short lists of them."""
        state = _attributes(record, self.where)
        keywords = state.get("_init_kwargs")
        if not isinstance(keywords, dict) or state.get("_init_args") not in ((), None):
            raise InputError(
                f"{self.where} does not say how its {shown(record.name)} was made: give a snapshot "
                "that the original program wrote"
            )
        for name, value in keywords.items():
            if not is_plain(value):
                raise InputError(
                    f"{self.where}: the setting {shown(name)} is no word, number or short list of "
                    "them: no network's is otherwise"
                )
        return keywords

    def settings(self) -> NetworkSettings:
        """Raises ValidationError for sizes that no network here has, InputError for a variant."""
        for name, value in CONSTANTS.get(self.name, {}).items():
            if self.outer.get(name, value) != value:
                raise self.variant(name, self.outer[name], value)
        side, channels = self.inner.get("img_resolution"), self.inner.get("in_channels")
        answers = {"iddpm": 2}.get(self.name, 1)
        if type(channels) is int and self.inner.get("out_channels") != answers * channels:
            raise self.variant("out_channels", self.inner.get("out_channels"), answers * channels)
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
            raise self.variant(min(strange), self.inner[min(strange)], "nothing")
        first = next(iter(known.values()))
        chosen = {name: self.inner.get(name, first[name]) for name in own}
        for arch, values in known.items():
            if chosen == values:
                return arch
        best = min(known.values(), key=lambda one: sum(chosen[name] != one[name] for name in own))
        name = min(name for name in own if chosen[name] != best[name])
        raise self.variant(name, chosen[name], best[name])

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

    def variant(self, name: str, given: object, known: object) -> InputError:
        return InputError(
            f"{self.where} is of a variant that this version has not: {shown(name)} "
            f"{shown(given)}, where {shown(known)} is known"
        )


def _attributes(record: Record, where: str) -> dict[str, Any]:
    if not isinstance(record.state, dict):
        raise InputError(f"{where} is damaged: a {shown(record.name)} has no attributes")
    return record.state


def _part(state: dict[str, Any], name: str) -> dict[str, Any]:
    part = state.get(name)
    return part if isinstance(part, dict) else {}


def _weights(network: Record, where: str) -> dict[str, Tensor]:
    """Parameters and buffers by their full names, as the state of the original module has them."""
    found: dict[str, Tensor] = {}
    todo, seen = [("", network)], 0
    while todo:
        prefix, record = todo.pop()
        seen += 1
        if seen > MOST_MODULES or len(prefix) > 300:
            raise InputError(f"{where} has modules without end: no network's are")
        state = _attributes(record, where)
        for name, value in {**_part(state, "_parameters"), **_part(state, "_buffers")}.items():
            if isinstance(value, Tensor):
                found[prefix + name] = value
            elif value is not None:
                raise InputError(f"{where}: {shown(prefix + name)} is no tensor")
        for name, value in _part(state, "_modules").items():
            if isinstance(value, Record):
                todo.append((f"{prefix}{name}.", value))
            elif value is not None:
                raise InputError(f"{where}: {shown(prefix + name)} is no module")
    return found


def _trained_on(held: dict[str, Any]) -> str:
    """The training pictures, as the file's own words say: a path, and how many."""
    data = held.get("dataset_kwargs")
    if not isinstance(data, dict) or not isinstance(path := data.get("path"), str):
        return ""
    count = data.get("max_size")
    pictures = f", {count} pictures" if type(count) is int and 0 < count < 10**12 else ""
    labels = ", with labels" if data.get("use_labels") is True else ""
    return shown(path) + pictures + labels
