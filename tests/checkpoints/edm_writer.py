"""Network pickles in the format of EDM's program, from networks of this project, without its text.

Objects are written as that program writes them: records of a class's name, an (empty) source text
and attributes, under names of modules that are not installed here and only borrowed while writing.
"""

import contextlib
import pickle
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from denoscope.networks import NetworkSettings, build_network

CLASSES = {
    "Dense": "Linear",
    "ResamplingConv": "Conv2d",
    "ResidualBlock": "UNetBlock",
    "EDMPreconditioning": "EDMPrecond",
    "VPPreconditioning": "VPPrecond",
    "VEPreconditioning": "VEPrecond",
    "IDDPMPreconditioning": "iDDPMPrecond",
}
NCSNPP = {
    "embedding_type": "fourier",
    "encoder_type": "residual",
    "channel_mult_noise": 2,
    "resample_filter": [1, 3, 3, 1],
}


def _reconstruct_persistent_obj(meta: object) -> None:
    raise AssertionError("only its name is written")


class EasyDict(dict):
    """A dictionary of another class."""


class Persistent:
    """An object that is written as a record of its class's name and attributes."""

    def __init__(self, name: str, **state: Any) -> None:
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": "",
            "class_name": name,
            "state": state,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconstruct_persistent_obj, (self.meta,)


@contextlib.contextmanager
def borrowed_names() -> Iterator[None]:
    """Both classes bear the names that the original program gives them."""
    before = dict(sys.modules)
    for name, one in (
        ("torch_utils.persistence", _reconstruct_persistent_obj),
        ("dnnlib.util", EasyDict),
    ):
        module = types.ModuleType(name)
        setattr(module, one.__name__, one)
        sys.modules |= {name: module, name.partition(".")[0]: types.ModuleType(name)}
        one.__module__ = name
    try:
        yield
    finally:
        for name in sys.modules.keys() - before.keys():
            if name.startswith(("torch_utils", "dnnlib")):
                del sys.modules[name]


def persistent(
    module: nn.Module, keywords: dict[int, dict[str, Any]], names: dict[str, str] = CLASSES
) -> object:
    """The records of a module and all in it; `keywords` are those that made it, by its id."""
    children = {
        name: None if child is None else persistent(child, keywords, names)
        for name, child in module._modules.items()
    }
    if isinstance(module, nn.ModuleDict):
        plain = nn.ModuleDict()
        plain.__dict__["_modules"] = children
        return plain
    name = type(module).__name__
    return Persistent(
        names.get(name, name),
        training=False,
        _parameters=dict(module._parameters),
        _buffers=dict(module._buffers),
        _modules=children,
        _non_persistent_buffers_set=set(),
        _init_args=(),
        _init_kwargs=keywords.get(id(module), {}),
        skip_scale=np.sqrt(0.5),  # numpy's numbers are among the attributes
    )


def edm_record(settings: NetworkSettings, fill: Any = None, **changes: Any) -> dict[str, Any]:
    """The dictionary that the original program would write; `changes` to the network's keywords."""
    network = build_network(settings)
    if fill is not None:
        fill(network)
    network.requires_grad_(False)
    twice = 2 if settings.preconditioning == "iddpm" else 1
    keywords: dict[str, Any] = {
        "img_resolution": settings.shape[1],
        "in_channels": settings.shape[0],
        "out_channels": twice * settings.shape[0],
        "label_dim": settings.label_dim,
        "model_channels": settings.width,
        "channel_mult": list(settings.multipliers),
        "num_blocks": settings.blocks,
        "attn_resolutions": [*settings.attention, 1000],
        "dropout": settings.dropout,
        **({"augment_dim": settings.augment_dim} if settings.augment_dim else {}),
        **(NCSNPP if settings.arch == "ncsnpp" else {}),
        **changes,
    }
    outer = {
        "img_resolution": settings.shape[1],
        "img_channels": settings.shape[0],
        "model_type": type(network.model).__name__,
        **({"sigma_data": settings.sigma_data} if settings.preconditioning == "edm" else {}),
    }
    made = {id(network): outer, id(network.model): keywords}
    ema: Any = persistent(network, made)
    state = ema.meta["state"]
    low, high = {"edm": (0, float("inf")), "ve": (0.02, 100)}.get(
        settings.preconditioning, network.sigma_range
    )
    state |= {"sigma_min": low, "sigma_max": high}
    if settings.preconditioning == "iddpm":
        state["_buffers"]["u"] = torch.zeros(1001)
    return {
        "ema": ema,
        "loss_fn": Persistent("EDMLoss", P_mean=-1.2, _init_args=(), _init_kwargs={}),
        "augment_pipe": None,
        "dataset_kwargs": EasyDict(path="data/digits.zip", max_size=1797, use_labels=False),
    }


def edm_pickle(content: object, protocol: int = 4) -> bytes:
    """The file's bytes."""
    with borrowed_names():
        return pickle.dumps(content, protocol)


def wave_weights(module: nn.Module) -> None:
    """Weights by a rule: the i-th value of the k-th tensor in the order of names is sin(0.37 i + k) / 2.

    The frequencies of the Fourier embedding are filled too.
    """
    tensors = dict(module.named_parameters())
    tensors |= {name: value for name, value in module.named_buffers() if name.endswith("freqs")}
    for k, name in enumerate(sorted(tensors)):
        value = tensors[name]
        places = torch.arange(value.numel(), dtype=torch.float64)
        with torch.no_grad():
            value.copy_((0.37 * places + k).sin().reshape(value.shape) / 2)
