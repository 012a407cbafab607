"""Network pickles of Karras et al. 2022 and 2024 (`network-snapshot-*.pkl`, `edm-*.pkl`, `edm2-*.pkl`).

Such a file is a plain pickle of a dictionary whose key `ema` holds the network, of which every object
is a record (`persistent_objects`). It is read without running it. `edm_networks` and `edm2_networks`
say what the records describe.
"""

import hashlib
import mmap
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from denoscope.checkpoints.foreign.edm2_networks import EDM2, EDM2Network, latent_space
from denoscope.checkpoints.foreign.edm_networks import EDMNetwork
from denoscope.checkpoints.foreign.persistent_objects import object_makers
from denoscope.checkpoints.foreign.pickle_machine import Allowance, Record, run_pickle, shown
from denoscope.checkpoints.imported import ImportedModel, ImportRecord, first_problem
from denoscope.errors import InputError

__all__ = ["is_edm_pickle", "open_edm_pickle"]

MOST_BYTES = 16 * 2**30


def is_edm_pickle(path: Path) -> bool:
    """Whether this is a file that is called a pickle."""
    return path.suffix == ".pkl" and path.is_file()


def open_edm_pickle(path: Path) -> ImportedModel:
    """The averaged network (key `ema`) of a pickle of EDM or EDM2 as one of this project's.

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
            held = run_pickle(content, object_makers(allowance, where), allowance, where)  # type: ignore[arg-type]
    if not isinstance(held, dict) or not isinstance(network := held.get("ema"), Record):
        keys = ", ".join(map(shown, list(held)[:8])) if isinstance(held, dict) else "no dictionary"
        raise InputError(
            f"{where} has no network under 'ema' (it holds: {keys}): give a network snapshot"
        )
    described = (EDM2Network if network.name == EDM2 else EDMNetwork)(network, where)
    try:
        low, high = described.sigma_range()
        record = ImportRecord(
            family=described.family,
            network=described.settings(),
            sigma_min=low,
            sigma_max=high,
            source=path.name,
            source_hash=digest,
            trained_on=_trained_on(held),
            latents=latent_space(held.get("encoder"), where),
        )
    except ValidationError as error:
        raise InputError(
            f"{where} describes no network that this version has ({first_problem(error)})"
        ) from error
    weights = described.weights()
    if sum(value.numel() for value in weights.values()) > size:
        raise InputError(f"{where} has tensors that share their values: no network's do")
    return ImportedModel(record, weights, path)


def _trained_on(held: dict[str, Any]) -> str:
    """The training pictures, as the file's own words say: a path, and how many."""
    data = held.get("dataset_kwargs")
    if not isinstance(data, dict) or not isinstance(path := data.get("path"), str):
        return ""
    count = data.get("max_size")
    pictures = f", {count} pictures" if type(count) is int and 0 < count < 10**12 else ""
    labels = ", with labels" if data.get("use_labels") is True else ""
    return shown(path) + pictures + labels
