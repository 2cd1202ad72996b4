"""The program: its commands, its exit codes, and how an error ends it.

Not here: the commands (the modules beside this one), which are added by `__init__.py`.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

import typer

from grader.errors import GraderError, SubmissionError, UsageError
from grader.runs.deferred_signals import stoppable, was_asked

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_BROKEN, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Grade notebooks of PyTorch exercises. Exit codes: 0 graded, 1 a check failed (--strict, "
    "check), 2 wrong usage or nothing to grade, 3 internal error, 130 interrupted.",
)


def main() -> NoReturn:
    """Run a command; print a `GraderError` as one sentence, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # for names the terminal cannot encode
            stream.reconfigure(errors="replace")
    code: str | int | None = EXIT_OK
    try:
        with stoppable():
            app()
    except SystemExit as ended:
        code = ended.code
    except (UsageError, SubmissionError) as error:
        say(str(error))
        code = EXIT_USAGE
    except GraderError as error:
        say(str(error))
        code = EXIT_BROKEN
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    if was_asked():
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(EXIT_INTERRUPTED)  # everything is cleaned up; unloading torch would take a second
    sys.exit(code)


def run() -> NoReturn:
    """Be the program `grader`: run a command, and end this process with its exit code.

    What is open is closed as at any end; but torch, if it was loaded, is not taken apart, which
    would take a quarter of the time that it takes to import.
    """
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # a full disk, a closed pipe: Python reports it
            raise ended from None
        atexit._run_exitfuncs()
        os._exit(ended.code)


def say(text: str) -> None:
    """Print a remark, which is no result."""
    print(text, file=sys.stderr)
