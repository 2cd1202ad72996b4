"""How one check ended, and which outcome becomes which verdict.

Seven verdicts are the student's. `BROKEN` is ours: it leaves the points open and asks for a person.
Nothing here reads what a cell printed.
"""

from __future__ import annotations

from enum import StrEnum

from grader import errors


class Verdict(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    MISSING = "missing"
    SKIPPED = "skipped"
    BROKEN = "broken"


class Status(StrEnum):
    """How the grading of one submission ended."""

    GRADED = "graded"
    PARTIAL = "partial"
    UNREADABLE = "unreadable"
    BROKEN = "broken"


_BY_ERROR: tuple[tuple[type[BaseException], Verdict], ...] = (
    (errors.NameNotDefined, Verdict.MISSING),
    (errors.CallTimedOut, Verdict.TIMED_OUT),
    (errors.OutOfMemory, Verdict.OUT_OF_MEMORY),
    (errors.StudentRaised, Verdict.RAISED),
    (errors.KernelDied, Verdict.RAISED),
    (errors.BadAnswer, Verdict.FAILED),
    (AssertionError, Verdict.FAILED),
)


def verdict_of(error: BaseException | None) -> Verdict:
    """Say how a check ended that ended with `error`; None means that it passed.

    Whatever is not known to be the student's is ours.
    """
    if error is None:
        return Verdict.PASSED
    for kind, verdict in _BY_ERROR:
        if isinstance(error, kind):
            return verdict
    return Verdict.BROKEN
