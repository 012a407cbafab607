"""How jaxtyping's import hook checks signatures here: once a call has come back, not before.

What a caller may get wrong is refused by the function itself, with an InputError that tests look
for. A check on entry would hide that error behind its own. So a call that breaks its signature must
raise, and one that returns all the same fails the test.
"""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

__all__ = ["on_return"]

INT_IS_FLOAT = BeartypeConf(is_pep484_tower=True)  # where a float is wanted, as for pyright


def on_return(function: Callable) -> Callable:
    """The typechecker given to `install_import_hook`.

    jaxtyping asks it twice for each function: for the parameters alone, with the return annotation
    replaced by Any, and for parameters and result together. Only the second is checked.
    """
    alone = getattr(function, "__annotations__", {}).get("return") is Any
    return function if alone else beartype(function, conf=INT_IS_FLOAT)
