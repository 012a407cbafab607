"""One network of diffusers from the folder of its own: settings and safetensors, laid out before memory.

FOLDER/config.json                                  its class and settings
FOLDER/diffusion_pytorch_model.safetensors          its weights, or
FOLDER/diffusion_pytorch_model.safetensors.index.json    which of several files holds which
FOLDER/diffusion_pytorch_model.fp16.safetensors     a variant, taken where it is the only one

The library's own loader is not called: it reads pickles, follows names to code, and reserves what the
settings say. Here a class out of a list is laid out on torch's meta device, stopped where it has more
parameters than the file has tensors, and made once its weights fit.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from denoscope.checkpoints.diffusers_models.library import made, quietly_imported
from denoscope.checkpoints.diffusers_models.remote_code import OwnCode
from denoscope.checkpoints.filling import check_filling
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign_files import inside, read_object
from denoscope.checkpoints.runs import read_weights
from denoscope.errors import InputError

__all__ = ["at_most", "content_hash", "diffusers_network", "weight_files"]

STEM = "diffusion_pytorch_model"
MOST_SHARDS = 1000
# Attention was named otherwise before version 0.16, and many published files still have it so.
FORMER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def diffusers_network(
    kind: str, config: dict[str, Any], folder: Path, root: Path, code: OwnCode | None = None
) -> tuple[nn.Module, list[Path]]:
    """The network of class `kind` in float32 and evaluation mode, and the files of its weights.

    root: the folder that every file must lie in. code: where the class is, which is run then, where it
    is none of diffusers. Raises InputError where the settings make no
    network, weights are missing, are pickles, or do not fit, or have values that are not finite.
    """
    where = str(folder)
    files = weight_files(folder, root)
    weights: dict[str, Tensor] = {}
    for path in files:
        weights |= read_weights(path)
    library = quietly_imported("diffusers", where)
    cls = getattr(library, kind) if code is None else code.loaded()
    with at_most(2 * len(weights) + 64), torch.device("meta"):
        network: Any = made(cls, config, where)
    weights = _renamed(weights, network.state_dict().keys())
    check_filling(network, weights, where)
    # What is computed and not stored, as a table of positions, is made; what is stored is not.
    from accelerate import init_empty_weights

    with torch.random.fork_rng(devices=[]), init_empty_weights(include_buffers=False):
        network = made(cls, config, where)
    # Copied: what came from a mapped file would change, or end the program, with the file.
    copies = {name: value.to(torch.float32, copy=True) for name, value in weights.items()}
    network.load_state_dict(copies, assign=True)
    return network.eval().requires_grad_(False), files


def weight_files(folder: Path, root: Path, stem: str = STEM) -> list[Path]:
    """The safetensors files of a network, in the order of their names.

    Raises InputError where there are none, only pickles, or several variants.
    """
    whole = folder / f"{stem}.safetensors"
    if whole.is_file():
        return [inside(root, whole)]
    index = folder / f"{stem}.safetensors.index.json"
    if index.is_file():
        places = read_object(inside(root, index)).get("weight_map")
        names = set(map(str, places.values())) if isinstance(places, dict) else set()
        wrong = [name for name in names if not re.fullmatch(r"[\w.-]+\.safetensors", name)]
        if wrong or not 0 < len(names) <= MOST_SHARDS:
            raise InputError(
                f"{index} names no files of its own folder ({shown(wrong[0] if wrong else '')}): "
                "restore it from a copy"
            )
        return [inside(root, folder / name) for name in sorted(names)]
    variants = sorted(folder.glob(f"{stem}.*.safetensors"))
    if len(variants) == 1:
        return [inside(root, variants[0])]
    if variants:
        raise InputError(
            f"{folder} holds the variants {', '.join(shown(path.name) for path in variants[:4])}: "
            f"rename the one that is meant to {stem}.safetensors"
        )
    pickles = [path for end in ("bin", "pt", "ckpt") for path in folder.glob(f"*.{end}")]
    if pickles:
        raise InputError(
            f"{folder} holds its weights as a pickle alone ({shown(pickles[0].name)}), which is not "
            "opened: where you trust its maker, open it with diffusers and save it again with "
            "save_pretrained, which writes safetensors"
        )
    raise InputError(f"{folder} holds no {stem}.safetensors: fetch or save its weights too")


def content_hash(files: list[Path]) -> str:
    """SHA-256 of the SHA-256s of some files, in their order."""
    total = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _renamed(weights: dict[str, Tensor], expected: Any) -> dict[str, Tensor]:
    """With the present names of attention, where those are expected and the former ones given."""
    changed = {}
    for name, value in weights.items():
        head, _, last = name.rpartition(".")
        block, _, part = head.rpartition(".")
        now = f"{block}.{FORMER.get(part, part)}.{last}"
        changed[now if name not in expected and now in expected else name] = value
    return changed


@contextmanager
def at_most(parameters: int) -> Iterator[None]:
    """No module made here registers more parameters: a billion layers end at the first too many."""
    count = 0

    def counted(module: nn.Module, name: str, parameter: object) -> None:
        nonlocal count
        count += 1
        if count > parameters:
            raise ValueError(f"more than {parameters} parameters, its file has fewer tensors")

    hook = nn.modules.module.register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()
