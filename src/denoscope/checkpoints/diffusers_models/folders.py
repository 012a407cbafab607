"""Folders that diffusers wrote: a pipeline (`model_index.json`) or a bare model (`config.json`).

Both are read as data. A name in them chooses one of the classes listed here, or is refused: nothing
named elsewhere, in the folder or out of it, is imported. Where the folder's code is trusted, a network
may be of a class in it; nothing else may.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from denoscope.checkpoints.diffusers_models.remote_code import OwnCode, named_in
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign_files import inside, read_object
from denoscope.errors import InputError

__all__ = ["AUTOENCODERS", "DiffusersFolder", "configuration", "is_diffusers_folder"]

NETWORKS = (
    *("UNet2DModel", "DiTTransformer2DModel", "UNet2DConditionModel"),
    *("SD3Transformer2DModel", "FluxTransformer2DModel"),
)
INDEX, CONFIG, SCHEDULER = "model_index.json", "config.json", "scheduler_config.json"
ENCODERS = ("vae", "vqvae", "movq")
OWN_NETWORKS = ("unet", "transformer")  # where one of a class of its own stands in a pipeline
AUTOENCODERS = ("AutoencoderKL", "VQModel")
LIBRARIES = ("diffusers", "transformers", "stable_diffusion")  # the last has safety checkers


def is_diffusers_folder(path: Path) -> bool:
    """Whether this is a folder with an index of a pipeline, or a model's configuration alone."""
    return (path / INDEX).is_file() or (path / CONFIG).is_file()


@dataclass(frozen=True)
class DiffusersFolder:
    """What is in such a folder, read and allowed, nothing of it made."""

    root: Path
    pipeline: str
    """The pipeline's class, empty for a bare model."""
    network: Path
    """The folder of the network."""
    kind: str
    """Its class, one of NETWORKS."""
    config: dict[str, Any]
    scheduler: Path
    """The file of the scheduler."""
    parts: dict[str, tuple[str, str]]
    """Component -> (library, class) of a pipeline, those that are there."""
    encoder: Path | None = None
    """The folder of the autoencoder whose latents the network denoises, where there is one."""
    code: OwnCode | None = None
    """Where the network's class comes from, where that is the folder itself."""

    @classmethod
    def read(cls, root: Path, trusted: bool = False) -> "DiffusersFolder":
        """trusted: whether the network may be of a class in the folder's own code, which is not run here.

        Raises InputError for code of its own, unknown classes, missing parts, damaged files.
        """
        if not (root / INDEX).is_file():
            return cls._bare(root, trusted)
        index = read_object(inside(root, root / INDEX))
        pipeline = index.get("_class_name")
        if not isinstance(pipeline, str) and not trusted:
            raise _own_code(root, pipeline)
        parts = _parts(index, root, trusted)
        networks = [
            name
            for name, (library, kind) in parts.items()
            if kind in NETWORKS or (library not in LIBRARIES and name in OWN_NETWORKS)
        ]
        if len(networks) != 1 or "scheduler" not in parts:
            held = ", ".join(f"{name} {kind}" for name, (_, kind) in parts.items())
            raise InputError(
                f"{root} is a {shown(pipeline)} of {shown(held) or 'nothing'}: it needs a scheduler "
                f"and one network of the classes {', '.join(NETWORKS)}"
            )
        network = _place(root, networks[0])
        scheduler = inside(root, _place(root, "scheduler") / SCHEDULER)
        library, own = parts[networks[0]]
        if library in LIBRARIES:
            kind, config = configuration(network, root)
            code = None
        else:
            kind, config = own, read_object(inside(root, network / CONFIG))
            code = named_in({"_class_name": [library, own]}, network, root)
            if code is None:
                raise _own_code(root, f"{library}.{own}")
        if kind != parts[networks[0]][1]:
            raise InputError(
                f"{network} holds a {kind}, and {root / INDEX} says {parts[networks[0]][1]}: restore "
                "the folder from a copy"
            )
        encoder = next((root / name for name in ENCODERS if name in parts), None)
        return cls(root, shown(pipeline), network, kind, config, scheduler, parts, encoder, code)

    @classmethod
    def _bare(cls, root: Path, trusted: bool) -> "DiffusersFolder":
        code = None
        if trusted:
            config = read_object(inside(root, root / CONFIG))
            code = named_in(config, root, root)
        if code is None:
            kind, config = configuration(root, root)
        else:
            kind = code.name
        for folder in (root / "scheduler", root, root.absolute().parent / "scheduler"):
            if (folder / SCHEDULER).is_file():
                scheduler = inside(folder, folder / SCHEDULER)
                return cls(root, "", root, kind, config, scheduler, {}, None, code)
        raise InputError(
            f"{root} holds a {kind} and no scheduler, which says how it was trained: put the scheduler's "
            f"folder beside it or in it (scheduler/{SCHEDULER}), or open it in Python with "
            "denoscope.from_epsilon or its kin"
        )

    def scheduler_config(self) -> dict[str, Any]:
        """What the scheduler's file says."""
        return read_object(self.scheduler)


def configuration(
    folder: Path, root: Path, known: tuple[str, ...] = NETWORKS
) -> tuple[str, dict[str, Any]]:
    """(class, settings) of one part's folder. Raises InputError for a class that is none of `known`."""
    config = read_object(inside(root, folder / CONFIG))
    kind = config.get("_class_name")
    if "auto_map" in config or isinstance(kind, list):
        raise _own_code(root, kind or config["auto_map"])
    if not isinstance(kind, str) or kind not in known:
        raise InputError(
            f"{folder} holds {'a ' + shown(kind) if kind else 'no model of diffusers'}: known are "
            f"{', '.join(known)}"
        )
    return kind, config


def _parts(index: dict[str, Any], root: Path, trusted: bool) -> dict[str, tuple[str, str]]:
    """Each component's library and class. Settings of the pipeline itself, and absent parts, are left away."""
    found = {}
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or value == [None, None]:
            continue
        if len(value) != 2 or not all(isinstance(word, str) for word in value):
            continue
        library, kind = value
        if not re.fullmatch(r"[A-Za-z]\w{0,60}", name):
            raise InputError(f"{root} has a part called {shown(name)}: no pipeline has")
        if library not in LIBRARIES and not trusted:
            raise _own_code(root, f"{library}.{kind}")
        found[name] = (library, kind)
    return found


def _place(root: Path, name: str) -> Path:
    """The folder of a part: its own, or, in files of old, the pipeline's."""
    return root / name if (root / name).is_dir() else root


def _own_code(root: Path, name: object) -> InputError:
    return InputError(
        f"{root} needs code that is not diffusers' own ({shown(name)}), and nothing of it was run: "
        "where you trust its maker, --trust-remote-code runs its network's (trust_remote_code=True)"
    )
