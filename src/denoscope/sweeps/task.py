"""A task: one piece of a study, named by its content.

A name is a function of what a task computes, so two studies that ask for the same thing find one
result in their store, and a task whose settings change gets another place.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from denoscope.training import DataRecord

if TYPE_CHECKING:
    from denoscope.sweeps.store import Store

__all__ = ["Task", "task_seconds"]

DIGITS = 12  # of the SHA-256 in a name


class Task(BaseModel, ABC):
    """One piece of a study. A subclass has fields, a `kind`, and `run`.

    Frozen; an unknown field is an error. `kind` is the folder under the store that holds the
    results of its class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: ClassVar[str]
    ends_with: ClassVar[str] = ""
    """The last file of a folder that is not written whole, but grows and is resumed."""

    version: ClassVar[int] = 1
    """Part of the name, from 2 on: raised when the code gives other results for the same content, so
    that older ones are not taken for them."""

    def content(self) -> dict[str, Any]:
        """What the name is made of, as JSON values: every field that has not its default value.

        A field added later, with a default, thus renames nothing that is there; a default, once
        published, never changes. A task inside is its name. Data are what is in them, wherever they
        lie: fingerprint, size, n, split_seed, twin.
        """
        return {
            name: _plain(value)
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) != field.default
        }

    @property
    def digest(self) -> str:
        """The first 12 hex digits of the SHA-256 of (kind, version, content) as canonical JSON."""
        version = [self.version] if self.version > 1 else []
        canonical = json.dumps(
            [self.kind, *version, self.content()],
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
        )
        return hashlib.sha256(canonical.encode()).hexdigest()[:DIGITS]

    @property
    def name(self) -> str:
        """`slug` and `digest`: the folder's name, and the cell's in tables."""
        return f"{self.slug()}-{self.digest}"

    def slug(self) -> str:
        """A few readable words out of the content; by default the kind."""
        return self.kind

    def needs(self) -> tuple["Task", ...]:
        """The tasks that must be done before."""
        return ()

    def seconds(self) -> float:
        """About how long it takes on one thread of the reference machine, for the estimate."""
        return 1.0

    @abstractmethod
    def run(self, store: "Store", report: Callable[[float], None]) -> None:
        """Do it, and leave the result in `store.folder(self)`; report the share done, 0 to 1.

        Called with the task's lock held. What a killed run left may be there: go on from it, or
        start anew, to the same result.
        """


def task_seconds(tasks: "list[Task] | tuple[Task, ...]") -> float:
    """The sum of the estimates, in seconds of one thread."""
    return sum(task.seconds() for task in tasks)


def _plain(value: Any) -> Any:
    if isinstance(value, Task):
        return value.name
    if isinstance(value, DataRecord):
        return value.model_dump(mode="json", exclude={"where", "name"}, exclude_defaults=True)
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        given = {name: getattr(value, name) for name in fields}
        return {
            name: _plain(one) for name, one in given.items() if one != fields[name].get_default()
        }
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value
