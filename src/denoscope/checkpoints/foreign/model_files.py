"""Model files of other programs, by what they are called and what they hold."""

from pathlib import Path

from denoscope.checkpoints.foreign.edm_pickles import is_edm_pickle, open_edm_pickle
from denoscope.checkpoints.foreign.guided_diffusion import guided_model, is_guided_state
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign.torch_files import is_torch_file, read_torch_file
from denoscope.checkpoints.imported import ImportedModel
from denoscope.errors import InputError

__all__ = ["is_foreign_file", "open_foreign_file"]


def is_foreign_file(path: Path) -> bool:
    """Whether this is a file that is called as other programs call their models."""
    return is_edm_pickle(path) or is_torch_file(path)


def open_foreign_file(path: Path) -> ImportedModel:
    """The model in it, nothing executed. Raises InputError for any other file, and a damaged one."""
    if is_edm_pickle(path):
        return open_edm_pickle(path)
    held, digest = read_torch_file(path)
    if is_guided_state(held):
        return guided_model(held, digest, path)
    keys = ", ".join(map(shown, list(held)[:4])) if isinstance(held, dict) else "no dictionary"
    raise InputError(
        f"{path} holds no checkpoint of guided-diffusion (it holds: {keys}): give one, or a factory "
        "of yours, module:function"
    )
