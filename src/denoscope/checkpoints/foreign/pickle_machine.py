"""A reader of pickles that runs nothing: a small machine for the few opcodes that hold data.

A pickle is a program, and Python's own reader calls whatever it names. Here the program is decoded by
`pickletools`, which runs nothing either, and followed opcode by opcode with four things alone: plain
values, containers of them, a memo, and the makers that the caller allows by their full name. All
else is refused by its name: other globals, extension codes, older protocols' ways to build objects.

Bounds: a fixed number of opcodes, bytes within those the stream has, keys that are strings or small
numbers (others can be made to collide, or to hash without end), numbers of at most 255 bytes. What is
made is never walked here, so that depth costs nothing.
"""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from denoscope.errors import InputError

__all__ = ["Allowance", "Global", "Record", "is_plain", "run_pickle", "shown"]

Maker = Callable[..., object]
SCALARS = (str, int, float, bool, type(None))
MOST_LISTED, LONGEST_WORD, MOST_SHOWN = 1000, 100, 80
MOST_PLACES = 2**20


@dataclass
class Allowance:
    """What is left to spend on one file, its nested pickles included."""

    opcodes: int = 1_000_000
    """A network of 100 million parameters takes some 100,000."""
    tensor_bytes: int = 0
    """Bytes that tensors may hold: those of the file, as each has its own place in it."""


@dataclass
class Record:
    """An object that was not made: the name of its class, the arguments and the state for it."""

    name: str
    arguments: tuple[object, ...] = ()
    state: object = None


@dataclass(frozen=True)
class Global:
    """A name that a pickle may use, on the machine's stack: it stands for its maker."""

    name: str
    make: Maker


def is_key(value: object) -> bool:
    """Whether a dictionary may have this key: a text, or a place (optimizers have a state for each)."""
    return isinstance(value, str) or (type(value) is int and 0 <= value < MOST_PLACES)


class Damaged(Exception):
    """The program does not make sense: the stack is empty, a value is of the wrong kind."""


def is_plain(value: object) -> bool:
    """Whether this is a text, a number, nothing, or a short list of words and numbers.

    Other values may be of any size when written out: forty lists, each holding the one before twice,
    are few bytes in a pickle.
    """
    if not isinstance(value, list | tuple):
        return isinstance(value, SCALARS)
    return len(value) <= MOST_LISTED and all(
        isinstance(one, SCALARS) and (not isinstance(one, str) or len(one) <= LONGEST_WORD)
        for one in value
    )


def shown(value: object) -> str:
    """A name or value from the file for a message: short, on one line; of others their kind alone."""
    told = value if is_plain(value) or isinstance(value, Exception) else type(value).__name__
    text = ascii(str(told)[:MOST_SHOWN])
    return text[1:-1] if text[0] in "'\"" else text


def run_pickle(
    stream: IO[bytes],
    makers: Mapping[str, Maker],
    allowance: Allowance,
    where: str,
    persistent: Maker | None = None,
) -> Any:
    """The value of the pickle that starts at the stream's position, which is left behind its end.

    makers: what stands for each allowed global, "module.name"; called with the arguments in the
    file, whatever they are, and raises ValueError or TypeError where they are wrong. persistent:
    the same for persistent ids, which are refused without it. where: for messages.

    Raises InputError for a pickle that is damaged, cut, too long, or wants anything else.
    """
    machine = _Machine(makers, persistent, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange escapes in an old text, refused anyway
            for opcode, argument, _ in pickletools.genops(stream):
                allowance.opcodes -= 1
                if allowance.opcodes < 0:
                    raise InputError(f"{where} has more parts than any network: it is not opened")
                if opcode.name == "STOP":
                    return machine.pop()
                machine.step(opcode.name, argument)
    except (Damaged, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        reason = shown(error) or type(error).__name__
        raise InputError(
            f"{where} is damaged or no model ({reason}): restore it from a copy"
        ) from error
    raise InputError(f"{where} is cut off: restore it from a copy")


PLAIN = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    def __init__(self, makers: Mapping[str, Maker], persistent: Maker | None, where: str) -> None:
        self.makers, self.persistent, self.where = makers, persistent, where
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # what was on the stack at each open mark
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        if not self.stack:
            raise Damaged("a value is missing")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        if not self.below:
            raise Damaged("a mark is missing")
        values, self.stack = self.stack, self.below.pop()
        return values

    def step(self, opcode: str, argument: Any) -> None:
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case _ if opcode in PLAIN:
                self.stack.append(argument)
            case _ if opcode in CONSTANTS:
                self.stack.append(CONSTANTS[opcode])
            case "EMPTY_LIST" | "EMPTY_SET":  # a set's members are listed
                self.stack.append([])
            case "EMPTY_DICT":
                self.stack.append({})
            case "MARK":
                self.below.append(self.stack)
                self.stack = []
            case "TUPLE":
                values = self.since_mark()
                self.stack.append(tuple(values))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                values = [self.pop() for _ in range(TUPLES[opcode])]
                self.stack.append(tuple(reversed(values)))
            case "APPEND":
                value = self.pop()
                self.last(list).append(value)
            case "APPENDS" | "ADDITEMS":
                values = self.since_mark()
                self.last(list).extend(values)
            case "SETITEM":
                value, key = self.pop(), self.pop()
                self.set_items([key, value])
            case "SETITEMS":
                self.set_items(self.since_mark())
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.last(object)
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.last(object)
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "GLOBAL":
                self.name(argument.replace(" ", ".", 1))
            case "STACK_GLOBAL":
                name, module = self.pop(), self.pop()
                if not isinstance(name, str) or not isinstance(module, str):
                    raise Damaged("a global's name is no text")
                self.name(f"{module}.{name}")
            case "REDUCE" | "NEWOBJ":
                arguments, maker = self.pop(), self.pop()
                if not isinstance(maker, Global) or not isinstance(arguments, tuple):
                    raise InputError(f"{self.where} calls what is no name: nothing of it was run")
                self.stack.append(maker.make(*arguments))
            case "BUILD":
                state = self.pop()
                if not isinstance(self.last(object), dict):  # its attributes are no content
                    self.last(Record).state = state
            case "BINPERSID" if self.persistent is not None:
                self.stack.append(self.persistent(self.pop()))
            case _:
                raise InputError(
                    f"{self.where} uses the pickle opcode {opcode}, which no model of this kind "
                    "has: nothing of it was run"
                )

    def last(self, kind: type[Any]) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise Damaged("a value is missing or of the wrong kind")
        return self.stack[-1]

    def set_items(self, items: list[Any]) -> None:
        target = self.last(dict)
        if len(items) % 2 or not all(map(is_key, items[::2])):
            raise Damaged("a key is no text and no small number")
        target.update(zip(items[::2], items[1::2], strict=True))

    def name(self, name: str) -> None:
        if name not in self.makers:
            raise InputError(
                f"{self.where} wants {shown(name)}, which no model of this kind needs: nothing of "
                "it was run; if you trust its maker, save its weights as safetensors elsewhere"
            )
        self.stack.append(Global(name, self.makers[name]))
