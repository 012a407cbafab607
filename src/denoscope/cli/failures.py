"""From any exception to one line on stderr and the exit code of the design; tracebacks with --debug."""

import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from denoscope.errors import DenoscopeError

__all__ = ["describe", "exit_code_of", "validation_line"]

FAILED, WRONG, INTERRUPTED = 1, 2, 130
# typer carries its own copy of click since 0.24: its classes are reached through what it exports.
UsageError: Any = typer.BadParameter.__base__
REFUSED = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
    *(errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "bad_alloc")


def exit_code_of(run: Callable[[], int], *, debug: bool = False) -> int:
    """Run; on failure say one line on stderr. Return the exit code, never raise."""
    try:
        with _termination_interrupts(), warnings.catch_warnings():
            if not debug:
                warnings.simplefilter("ignore")  # stderr is for our own words
            return run()
    except BaseException as error:
        if _reader_left(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        if debug:
            traceback.print_exc()
        line, code = describe(error)
        sys.stderr.write(f"denoscope: {' '.join(line.split())}\n")
        return code


def _reader_left(error: BaseException) -> bool:
    """Whether the reader of our output has gone, as in `denoscope ... | head`: nothing to say, to no one.

    Help is printed by rich, which leaves by SystemExit then.
    """
    return isinstance(error, BrokenPipeError) or (
        isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError)
    )


def describe(error: BaseException) -> tuple[str, int]:
    """(what to say, exit code) of whatever ended a verb."""
    if isinstance(error, DenoscopeError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return str(error) or "interrupted; nothing half-written is left", INTERRUPTED
    if isinstance(error, UsageError):
        path = error.ctx.command_path if error.ctx else "denoscope"  # type: ignore[attr-defined]
        text = error.format_message().replace("Value error, ", "")  # type: ignore[attr-defined]
        return f"{text if text[-1:] in '.?)' else text + '.'} See {path} --help", WRONG
    if type(error).__name__ == "ValidationError" and hasattr(error, "errors"):
        return validation_line(error), WRONG
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in NO_MEMORY):
        return "out of memory: give fewer pictures or a smaller batch, width or size", FAILED
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    if isinstance(error, ImportError):
        return f"{error}: install what is missing with pip", FAILED
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)", FAILED


def validation_line(error: Any, names: dict[str, str] | None = None) -> str:
    """Every problem that pydantic found, in one line; `names` gives fields their option's name."""
    problems = []
    for one in error.errors():
        place = [str(part) for part in one["loc"] if part != "network"]
        field = (names or {}).get(place[0], ".".join(place)) if place else ""
        text = one["msg"].removeprefix("Value error, ")
        given = (
            f", not {one['input']!r}"
            if place and isinstance(one["input"], int | float | str)
            else ""
        )
        problems.append(f"{field}: {text}{given}" if field else text)
    return "; ".join(problems)


def _of_system(error: OSError) -> tuple[str, int]:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in FULL:
        return f"{place}no space left to write: free some, or choose another folder", FAILED
    if error.errno in REFUSED:
        return f"{place}{error.strerror}: give a place that can be read or written", WRONG
    return f"{place}{error.strerror or error}", FAILED


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM is an interruption too, so that what is being written is taken away again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
