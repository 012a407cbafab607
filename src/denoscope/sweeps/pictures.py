"""The pictures of a study: opened once a process, and the same held-out ones for all its models."""

from functools import lru_cache

from denoscope.images import Pictures, open_images
from denoscope.training import DataRecord

__all__ = ["open_whole", "study_pictures"]


@lru_cache(maxsize=4)
def open_whole(where: str, size: int | None) -> Pictures:
    """The whole set, as `open_images` opens it."""
    return open_images(where, size=size)


def study_pictures(
    data: DataRecord, beyond: int = 0, held_out: str | None = None, most: int | None = None
) -> tuple[Pictures, Pictures]:
    """(train, held_out) of a model: held-out ones lie outside the first `beyond` of the split.

    They lie outside the training set and its twin in any case. held_out: another set to take them
    from, as `open_images` names it. most: how many of them, at most; None: all.
    """
    whole = open_whole(data.where, data.size)
    train, _ = data.split(whole)
    if held_out is not None:
        rest = open_whole(held_out, train.shape[-1])
    else:
        inside = max(beyond, data.n * (2 if data.twin else 1))
        rest = whole.split(min(inside, len(whole)), data.split_seed)[1]
    return train, rest.take(slice(0, most))
