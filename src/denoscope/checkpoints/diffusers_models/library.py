"""The library diffusers (extra `diffusers`), imported where it is needed, and one object of its classes."""

import contextlib
import importlib
import inspect
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["made", "quiet", "quietly_imported"]


def quietly_imported(library: str, where: str) -> Any:
    """diffusers or transformers. Raises InputError that says how to install it."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise InputError(
            f"{where}: models of diffusers need the packages diffusers and transformers: pip install "
            "'denoscope[diffusers]'"
        ) from error


def made(kind: type, config: dict[str, Any], where: str) -> object:
    """An object of an allowed class with the settings of a file; those it does not take are left away.

    Raises InputError where the class refuses them, whatever it raises.
    """
    known = inspect.signature(kind.__init__).parameters.keys() - {"self"}
    try:
        with quiet():
            return kind(**{name: value for name, value in config.items() if name in known})
    except Exception as error:  # it is their code on anybody's settings: whatever it raises
        raise InputError(
            f"{where} describes no {kind.__name__} that the installed diffusers makes "
            f"({type(error).__name__}: {shown(error)}): restore it, or update diffusers"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what the library has to say while it works, which is for its own users."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    bars: Any = sys.modules.get("transformers.utils.logging")
    if bars is not None and not bars.is_progress_bar_enabled():
        bars = None  # nothing to stop, and nothing to start again
    if bars is not None:
        bars.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if bars is not None:
            bars.enable_progress_bar()
