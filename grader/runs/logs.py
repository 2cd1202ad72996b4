"""Logging: off by default, everything on stderr with `--verbose`, in the workers too.

Each module logs to `logging.getLogger(__name__)`. Here: where that goes. Not here: progress and
results (`progress.py`, `report/`).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable

from grader.records import SubmissionResult

_VERBOSE = "GRADER_VERBOSE"
"""Set by `--verbose`: worker processes inherit the environment and nothing else."""


def configure(*, verbose: bool) -> None:
    """Send the grader's log to stderr where `verbose`, and nowhere otherwise."""
    if verbose:
        os.environ[_VERBOSE] = "1"
    logger = logging.getLogger("grader")
    logger.handlers.clear()
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    if os.environ.get(_VERBOSE):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


def tracebacks_of(results: Iterable[SubmissionResult]) -> list[str]:
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
    return found
