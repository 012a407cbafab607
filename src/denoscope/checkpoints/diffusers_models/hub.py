"""Models of diffusers on the Hugging Face hub, by the name `owner/name`.

Settings come first, and are read; only then, and only of the parts that they name, the weights.
Pickles and what else is there are never fetched, and
code only where it is trusted. The hub's own cache keeps what was.
"""

import os
import re
from pathlib import Path
from typing import Any

from denoscope.checkpoints.diffusers_models.folders import CONFIG, INDEX, SCHEDULER, DiffusersFolder
from denoscope.checkpoints.diffusers_models.library import quiet, quietly_imported
from denoscope.checkpoints.diffusers_models.networks import STEM
from denoscope.checkpoints.diffusers_models.prompted import PROMPTED
from denoscope.checkpoints.diffusers_models.prompts import TOKENS
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["fetched", "is_hub_name"]

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
SETTINGS = [INDEX, CONFIG, SCHEDULER, f"*/{CONFIG}", f"*/{SCHEDULER}"]


def is_hub_name(place: str) -> bool:
    """Whether this reads as `owner/name`, and no such path is there."""
    return NAME.fullmatch(place) is not None and not os.path.lexists(place)


def fetched(name: str, trust_remote_code: bool = False) -> Path:
    """The folder, in the hub's cache, of the newest version: settings, and the weights of the network, of its
    autoencoder and of what reads its prompts.

    Without a connection, what the cache has of it. Raises InputError where the hub has no such model
    or cannot be asked and the cache has none, and as `DiffusersFolder.read` does.
    """
    settings = [*SETTINGS, "*.py"] if trust_remote_code else SETTINGS
    root = _snapshot(name, None, settings)
    folder = DiffusersFolder.read(root, trust_remote_code)
    places = [one.relative_to(root) for one in (folder.network, folder.encoder) if one]
    ends = ("*.safetensors", "*.safetensors.index.json")
    weights = [str(place / f"{STEM}{end}") for place in places for end in ends]
    if folder.kind in PROMPTED:
        for number in ("", "_2", "_3"):
            weights += [f"text_encoder{number}/model*.safetensors*"]
            weights += [f"tokenizer{number}/{one}" for one in TOKENS]
    return _snapshot(name, root.name, [*settings, *weights])


def _snapshot(name: str, revision: str | None, patterns: list[str]) -> Path:
    hub: Any = quietly_imported("huggingface_hub", name)
    try:
        with quiet():
            found = hub.snapshot_download(
                name,
                revision=revision,
                allow_patterns=patterns,
                endpoint=os.environ.get("HF_ENDPOINT") or None,
            )
    except hub.errors.LocalEntryNotFoundError as error:
        raise InputError(
            f"no model at {name!r} here, and the hub could not be asked for one of that name: give a "
            "folder that exists, or try again online"
        ) from error
    except hub.errors.RepositoryNotFoundError as error:
        raise InputError(
            f"no model at {name!r} here, and none on the hub, or not for you: check the name, or log "
            "in with `hf auth login`"
        ) from error
    except Exception as error:  # whatever a server may answer, and a full disk
        raise InputError(
            f"{name} could not be fetched from the hub ({type(error).__name__}: {shown(error)}): try "
            "again later, or fetch it yourself and give its folder"
        ) from error
    return Path(found)
