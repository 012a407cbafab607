"""`package.module:factory`: any Python callable that returns a denoiser.

This runs the user's own code, named by the user; nothing else here ever runs code found in a file.
"""

import importlib
import os
import sys

from denoscope.denoiser import Denoiser, check_denoiser
from denoscope.errors import InputError

__all__ = ["open_factory"]


def open_factory(where: str) -> Denoiser:
    """Call `factory()` of `package.module`; a module in the current folder is found too.

    Raises InputError where the module or the name is missing, the call fails, or what it returns
    does not satisfy the contract.
    """
    module_name, _, name = where.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(
            f"cannot import {module_name!r} ({error}): give package.module:factory, importable "
            "from this folder"
        ) from error
    except Exception as error:  # it is the user's code: whatever it raises
        raise InputError(
            f"importing {module_name!r} failed: {type(error).__name__}: {error}; fix the module"
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise InputError(
            f"{module_name} has no callable {name!r}: give package.module:factory, e.g. "
            "mymodels:open_model"
        )
    try:
        made = factory()
    except Exception as error:
        raise InputError(
            f"{where}() failed: {type(error).__name__}: {error}; fix the factory"
        ) from error
    return check_denoiser(made)
