"""Model files of other programs, by what they are called and what they hold."""

from pathlib import Path

from denoscope.checkpoints.foreign.edm_pickles import is_edm_pickle, open_edm_pickle
from denoscope.checkpoints.foreign.guided_diffusion import guided_model, is_guided_state
from denoscope.checkpoints.foreign.lucid import is_lucid_state, lucid_model
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign.torch_files import is_torch_file, read_torch_file
from denoscope.checkpoints.imported import ImportedModel
from denoscope.errors import InputError

__all__ = ["is_foreign_file", "open_foreign_file"]


def is_foreign_file(path: Path) -> bool:
    """Whether this is a file that is called as other programs call their models."""
    return is_edm_pickle(path) or is_torch_file(path)


def open_foreign_file(path: Path, size: int | None = None) -> ImportedModel:
    """The model in it, nothing executed. Raises InputError for any other file, and a damaged one.

    size: the side of a picture, for a file that does not say it; None for others.
    """
    if is_edm_pickle(path):
        return _of_its_size(open_edm_pickle(path), size)
    held, digest = read_torch_file(path)
    if is_lucid_state(held):
        return lucid_model(held, digest, path, size)
    if is_guided_state(held):
        return _of_its_size(guided_model(held, digest, path), size)
    keys = ", ".join(map(shown, list(held)[:4])) if isinstance(held, dict) else "no dictionary"
    raise InputError(
        f"{path} holds no checkpoint of guided-diffusion or denoising-diffusion-pytorch (it holds: "
        f"{keys}): give one, or a factory of yours, module:function"
    )


def _of_its_size(model: ImportedModel, size: int | None) -> ImportedModel:
    known = model.record.network.shape[1]
    if size not in (None, known):
        raise InputError(
            f"{model.record.source} is of {known} pixels, not {size}: leave --size out"
        )
    return model
