"""Errors that say what to do.

One line each: what was given, what is allowed, what to do. The command line prints that line and
ends with the class's `exit_code`; a traceback appears only with `--debug`.
"""

__all__ = ["DenoscopeError", "InputError", "RunError", "SigmaOutOfRange"]


class DenoscopeError(Exception):
    """Root of everything this package raises on purpose."""

    exit_code = 1


class InputError(DenoscopeError, ValueError):
    """Whatever was given is wrong: words, files, settings, data. Exit code 2."""

    exit_code = 2


class SigmaOutOfRange(InputError):
    """A denoiser was called at a noise level it does not know."""


class RunError(DenoscopeError, RuntimeError):
    """The input was right and the work failed all the same: disk full, out of memory. Exit code 1."""

    exit_code = 1
