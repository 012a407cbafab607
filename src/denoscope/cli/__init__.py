"""The command line: `denoscope VERB ...`. One verb a file; torch is imported inside verbs only."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line on `words` (default: what the program was given); return its exit code.

    0 done; 1 failed while running; 2 whatever was given is wrong; 3 `--fail-on` met; 130 interrupted.
    """
    from denoscope.cli.failures import exit_code_of

    words = list(sys.argv[1:] if words is None else words)

    def run() -> int:
        from denoscope.cli.app import run_words

        return run_words(words)

    return exit_code_of(run, debug="--debug" in words)
