"""What a conditional model is told beside the noisy picture, written behind its place.

    models/dit#class=207
    models/dit#guidance=4,class=207
    models/painter#guidance=7.5,prompt=a cat, a hat and a fish
    models/sorted#class=3,prompt=a cat

MODEL so stays one string, which every verb takes, every audit writes down and every study can name.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.errors import InputError

__all__ = ["Condition", "split_condition"]

ALLOWED = (
    "PLACE#class=3, PLACE#prompt=WORDS, or with guidance=4 and a comma before either, or all three"
)
LONGEST_PROMPT = 2000


@dataclass(frozen=True)
class Condition:
    """A class, a prompt or both, and how far to go beyond. All None: unconditional."""

    label: int | None = None
    prompt: str | None = None
    guidance: float | None = None
    """w of D = D_none + w (D_condition - D_none); None where the condition alone is asked, w = 1."""

    @classmethod
    def read(cls, words: str) -> "Condition":
        """Of the words behind the #. A prompt is the last of them, and may hold commas.

        Raises InputError for any others.
        """
        rest, _, prompt = words.partition("prompt=")
        parts = re.findall(r"(class|guidance)=([^,=]+)(?:,|$)", rest)
        given = dict(parts)
        written = "".join(f"{name}={value}," for name, value in parts)
        told = "prompt=" in words
        clean = (rest if told else f"{rest.rstrip(',')},") == written and len(given) == len(parts)
        if not clean or not (told or "class" in given) or len(prompt) > LONGEST_PROMPT:
            raise InputError(f"the condition {shown(words)} is not understood: give {ALLOWED}")
        label, guidance = given.get("class"), given.get("guidance")
        if label is not None and not re.fullmatch(r"\d{1,9}", label):
            raise InputError(f"class={shown(label)}: give the number of a class, 0 or more")
        if guidance is not None and not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", guidance):
            raise InputError(f"guidance={shown(guidance)}: give a number, 0 or more, e.g. 4")
        return cls(
            None if label is None else int(label),
            prompt if told else None,
            None if guidance is None else float(guidance),
        )

    def __bool__(self) -> bool:
        return self != Condition()


def split_condition(where: str) -> tuple[str, Condition]:
    """(the place, the condition behind its #). A place that exists as it is written has none.

    Raises InputError as `Condition.read` does.
    """
    place, mark, words = where.partition("#")
    if not mark or Path(where).exists():
        return where, Condition()
    return place, Condition.read(words)
