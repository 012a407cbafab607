"""The latents of a set of pictures: encoded once, kept on disk, and read from there ever after.

A file's name is a hash of all that its values follow from: the autoencoder's settings and weights,
the pictures' fingerprint, the shape. What is in it is held to the digest behind it, so that a file
that was damaged is made again. Whoever is killed while encoding leaves none.
"""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from denoscope.errors import InputError, RunError
from denoscope.images import Pictures, cache_folder, read_array, write_array
from denoscope.tables import LatentNote

__all__ = ["cached_latents"]

VERSION = 1  # of how values follow from what the name covers


def cached_latents(
    pictures: Pictures,
    encode: Callable[[Tensor], Tensor],
    note: LatentNote,
    shape: tuple[int, int, int],
    batch: int,
    on_pictures: Callable[[int], None],
) -> Pictures:
    """Pictures of the latents (N, *shape), float32 and memory-mapped, that know what they encode.

    encode: pictures (B, C, H, W) in [-1, 1] to latents (B, *shape). Raises InputError where it
    answers another shape or values that are not finite, RunError where they cannot be kept.
    """
    whole = (len(pictures), *shape)
    text = repr((VERSION, note.hash, pictures.fingerprint, whole))
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    target = cache_folder() / "latents" / f"{key}.npy"
    values = read_array(target, whole, "<f4")
    if values is None:

        def chunks() -> Iterator[np.ndarray]:
            for start in range(0, len(pictures), batch):
                found = encode(pictures.floats(slice(start, start + batch))).float()
                if tuple(found.shape[1:]) != shape or not bool(found.isfinite().all()):
                    raise InputError(
                        f"the autoencoder answers {tuple(found.shape[1:])} for a picture of "
                        f"{pictures.shape}, where finite values of {shape} are wanted: its settings "
                        "or weights are damaged"
                    )
                yield found.cpu().numpy()
                on_pictures(len(found))

        try:
            write_array(target, whole, "<f4", chunks())
        except OSError as error:
            raise RunError(
                f"cannot keep the latents in {target.parent} ({error.strerror or error}); free space "
                "there or point DENOSCOPE_CACHE at another folder"
            ) from error
        values = read_array(target, whole, "<f4")
    if values is None:
        raise RunError(f"{target} does not read as it was written: check the disk it is on")
    return Pictures.from_latents(torch.from_numpy(values), source=pictures.source, encodes=pictures)
