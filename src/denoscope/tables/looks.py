"""The looks that a watch took at a model in training, and what they decided: watch.json of a run."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from denoscope.errors import InputError
from denoscope.tables.summary import Verdict
from denoscope.tables.writing import write_file

__all__ = ["Look", "WatchRecord", "read_watch", "write_watch"]


class Look(BaseModel):
    """One look: pictures seen until then, and the verdict on the model as it was.

    closer: whether a closer look was needed; the verdict is then that of the closer one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: int = Field(ge=0)
    verdict: Verdict
    closer: bool = False

    @property
    def stop(self) -> bool:
        """Whether memorization has set in: the model generalizes no longer, or memorizes."""
        return self.verdict.label in ("transitional", "memorizing")

    @property
    def signals(self) -> dict[str, float]:
        """copies, novelty, gap, position, linearity: 0 where it generalizes, 1 where it memorizes."""
        return {one.signal: one.value for one in self.verdict.reasons if one.value is not None}


class WatchRecord(BaseModel):
    """watch.json: every look in the order taken; the last may be the one that stopped the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    seed: int = Field(ge=0)
    looks: tuple[Look, ...] = ()

    @property
    def onset(self) -> Look | None:
        """The first look at which memorization had set in."""
        return next((look for look in self.looks if look.stop), None)

    @property
    def before(self) -> Look | None:
        """The last look before that, or before now, at which it generalized; if at none, the last.

        Between two regimes a look may find levels underfit: that is no onset, and no model to keep.
        """
        clear = [look for look in self.looks if self.onset is None or look.seen < self.onset.seen]
        good = [look for look in clear if look.verdict.label == "generalizing"]
        return (good or clear or [None])[-1]


def write_watch(path: Path, record: WatchRecord) -> None:
    """Write watch.json, whole or not at all."""
    write_file(path, (record.model_dump_json(indent=1) + "\n").encode())


def read_watch(path: Path) -> WatchRecord:
    """Read watch.json. Raises InputError, one line, where it is missing, corrupt or of another schema."""
    try:
        return WatchRecord.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(
            f"{path} cannot be read ({reason}): restore it from a copy, or train again"
        ) from error
