"""Which pictures a model was trained on, and which it never saw, from the words given and its record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from denoscope.errors import InputError

if TYPE_CHECKING:
    from denoscope.checkpoints import Model
    from denoscope.images import Pictures

__all__ = ["TrainedOn", "check_fit", "trained_on"]


@dataclass(frozen=True)
class TrainedOn:
    """The training set, held-out pictures where there are some, and where both came from."""

    train: "Pictures"
    held_out: "Pictures | None"
    where: str
    split_seed: int | None


def trained_on(
    model: "Model",
    taken: "Callable[[Model, Pictures], Pictures]" = lambda model, pictures: pictures,
    *,
    data: str | None,
    size: int | None = None,
    held_out: str | None = None,
    split: int | None = None,
    split_seed: int | None = None,
) -> TrainedOn:
    """Open what the options name. A run of ours brings its own data and split.

    taken: what the model denoises of a whole set of pictures that fit it, where it is no run of ours.
    Raises InputError where the options contradict the run or each other, or do not fit the model.
    """
    if model.record is not None:
        return _of_run(model, data, size, held_out, split, split_seed)
    if data is None:
        raise InputError(f"{model.where} does not say what it was trained on: give --data")
    if split is not None and held_out is not None:
        raise InputError("--split and --held-out both say what is held out: give one of them")
    if split_seed is not None and split is None:
        raise InputError("--split-seed belongs to --split: give both, or neither")
    pictures = taken(model, _open(model, data, size))
    if split is not None:
        train, rest = pictures.split(split, split_seed or 0)
        return TrainedOn(train, rest if len(rest) else None, data, split_seed or 0)
    unseen = taken(model, _open(model, held_out, size)) if held_out else None
    return TrainedOn(pictures, unseen, data, None)


def _of_run(
    model: "Model",
    data: str | None,
    size: int | None,
    held_out: str | None,
    split: int | None,
    split_seed: int | None,
) -> TrainedOn:
    assert model.record is not None
    known = model.record.data
    for option, given, own in (
        ("--split", split, known.n),
        ("--split-seed", split_seed, known.split_seed),
        ("--size", size, known.size or model.denoiser.spec.shape[1]),
    ):
        if given is not None and given != own:
            raise InputError(
                f"{option} {given} contradicts the run {model.where}, which was trained with {own}: "
                f"leave {option} out"
            )
    try:
        pictures = _open(model, data or known.where, known.size)
    except InputError as error:
        if data is not None:
            raise
        raise InputError(
            f"the run was trained on {known.where!r}, which does not open here ({error}); give --data"
        ) from error
    train, rest = known.split(pictures)
    if held_out is not None:
        if len(rest):
            raise InputError(
                f"--held-out contradicts the run {model.where}, which has {len(rest)} held-out pictures "
                "of its own: leave --held-out out"
            )
        rest = _open(model, held_out, known.size)
    return TrainedOn(train, rest if len(rest) else None, data or known.where, known.split_seed)


def _open(model: "Model", where: str, size: int | None) -> "Pictures":
    from denoscope.images import open_images

    pictures = open_images(where, size=size)
    check_fit(model, pictures)
    return pictures


def check_fit(model: "Model", pictures: "Pictures") -> None:
    """Raises InputError where the model takes pictures of another shape."""
    wanted, given = tuple(model.pictures), tuple(pictures.shape)
    if wanted == given:
        return
    remedy = (
        f"add --size {wanted[1]}"
        if wanted[0] == given[0]
        else "give pictures with as many channels"
    )
    raise InputError(
        f"{pictures.source} has pictures of shape {given} (channels, height, width), the model takes "
        f"{wanted}: {remedy}"
    )
