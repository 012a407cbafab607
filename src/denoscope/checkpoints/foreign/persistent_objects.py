"""Objects as NVIDIA's programs pickle them: the name of a class, its attributes, and its source text.

The original program runs the text to make the object. Here the text is ignored, and what remains is a
record: what made the object (`made_with`), and the tensors in it and in all its parts
(`module_weights`).
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from denoscope.checkpoints.foreign.pickle_machine import Allowance, Record, is_plain, shown
from denoscope.checkpoints.foreign.pickled_tensors import tensor_makers
from denoscope.errors import InputError

__all__ = ["attributes", "made_with", "module_weights", "object_makers", "part", "variant"]

MOST_MODULES = 100_000


def object_makers(allowance: Allowance, where: str) -> dict[str, Callable[..., object]]:
    """What stands for the names in such a pickle, as `run_pickle` takes it."""

    def reconstruct(meta: object) -> Record:
        if not isinstance(meta, dict) or not isinstance(meta.get("class_name"), str):
            raise ValueError("an object does not name its class")
        return Record(meta["class_name"], (), meta.get("state"))

    return {
        **tensor_makers(allowance, where),
        "torch_utils.persistence._reconstruct_persistent_obj": reconstruct,
        "torch.nn.modules.container.ModuleDict": lambda: Record("ModuleDict"),
        "dnnlib.util.EasyDict": dict,
    }


def attributes(record: Record, where: str) -> dict[str, Any]:
    """Raises InputError for an object without any."""
    if not isinstance(record.state, dict):
        raise InputError(f"{where} is damaged: a {shown(record.name)} has no attributes")
    return record.state


def part(state: dict[str, Any], name: str) -> dict[str, Any]:
    """An attribute that is a dictionary; empty where it is none."""
    value = state.get(name)
    return value if isinstance(value, dict) else {}


def made_with(record: Record, where: str) -> dict[str, Any]:
    """The keywords that made an object: words, numbers and short lists of them.

    Raises InputError where they are others, or were not written down.
    """
    state = attributes(record, where)
    keywords = state.get("_init_kwargs")
    if not isinstance(keywords, dict) or state.get("_init_args") not in ((), None):
        raise InputError(
            f"{where} does not say how its {shown(record.name)} was made: give a snapshot "
            "that the original program wrote"
        )
    for name, value in keywords.items():
        if not is_plain(value):
            raise InputError(
                f"{where}: the setting {shown(name)} is no word, number or short list of "
                "them: no network's is otherwise"
            )
    return keywords


def variant(where: str, name: str, given: object, known: object) -> InputError:
    """The error for a setting that no network here has."""
    return InputError(
        f"{where} is of a variant that this version has not: {shown(name)} "
        f"{shown(given)}, where {shown(known)} is known"
    )


def module_weights(network: Record, where: str) -> dict[str, Tensor]:
    """Parameters and buffers by their full names, as the state of the original module has them."""
    found: dict[str, Tensor] = {}
    todo, seen = [("", network)], 0
    while todo:
        prefix, record = todo.pop()
        seen += 1
        if seen > MOST_MODULES or len(prefix) > 300:
            raise InputError(f"{where} has modules without end: no network's are")
        state = attributes(record, where)
        for name, value in {**part(state, "_parameters"), **part(state, "_buffers")}.items():
            if isinstance(value, Tensor):
                found[f"{prefix}{name}"] = value
            elif value is not None:
                raise InputError(f"{where}: {shown(f'{prefix}{name}')} is no tensor")
        for name, value in part(state, "_modules").items():
            if isinstance(value, Record):
                todo.append((f"{prefix}{name}.", value))
            elif value is not None:
                raise InputError(f"{where}: {shown(f'{prefix}{name}')} is no module")
    return found
