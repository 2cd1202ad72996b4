"""Logging: off by default, everything on stderr with `--verbose`, in the workers too.

Each module logs to `logging.getLogger(__name__)`; what runs beside student code does not log.
A line may hold text of students, so control characters are taken out before a terminal sees them.
Here: where the log goes. Not here: progress (`progress.py`) and results (`report/`).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable

from grader.records import SubmissionResult
from grader.text import clean, in_order

_VERBOSE = "GRADER_VERBOSE"
"""Set by `--verbose`: worker processes inherit the environment and nothing else."""


class _Cleaned(logging.Formatter):
    """Formats a record as text that is safe on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record, its traceback below it, without control characters."""
        return in_order(clean(super().format(record)))


def configure(*, verbose: bool) -> None:
    """Send the grader's log to stderr where `verbose`, and nowhere otherwise."""
    if verbose:
        os.environ[_VERBOSE] = "1"
    else:
        os.environ.pop(_VERBOSE, None)
    configure_worker()


def configure_worker() -> None:
    """Send the log of this process to where that of the process which started it goes."""
    logger = logging.getLogger("grader")
    logger.handlers.clear()
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.NOTSET)
    if os.environ.get(_VERBOSE):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Cleaned("%(asctime)s %(process)d %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


def tracebacks_of(results: Iterable[SubmissionResult]) -> str:
    """Return the tracebacks of what is broken, each below a line that says where it belongs."""
    found = []
    for result in results:
        if result.traceback:
            found.append(f"{result.student}:\n{result.traceback}")
        found += [
            f"{result.student}, {check.exercise}, {check.check}:\n{check.traceback}"
            for exercise in result.exercises
            for check in exercise.checks
            if check.traceback
        ]
    return in_order(clean("\n".join(found)))
