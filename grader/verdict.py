"""How a check and a submission ended: the verdict, its words, its tone and who pays for it.

The enum holds all that pages, tables and the terminal need, so a new verdict is one line here and
its error in `_BY_ERROR`. Nothing here reads what a cell printed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from grader import errors

Tone = Literal["good", "part", "bad", "open", "none"]
"""The meaning of a colour: earned, partly, lost, open (internal error), not asked."""
Payer = Literal["", "student", "grader"]
STYLES: dict[Tone, str] = {
    "good": "green", "part": "yellow", "bad": "red", "open": "magenta", "none": "dim",
}  # fmt: skip
"""The colour of each tone on a terminal; pages have a class of the same name."""


class Verdict(StrEnum):
    """How one check ended: its spelling, its words for a student, its tone, who pays.

    Attributes:
        words: for a student, in a sentence about the check.
        tone: one of `Tone`.
        mark: two characters before the line of a check on a terminal.
        pays: `student` where points are lost; `grader` for an internal error, whose points stay
        open; empty where no points are lost.
    """

    words: str
    tone: Tone
    mark: str
    pays: Payer

    PASSED = "passed", "passed", "good", "ok", ""
    FAILED = "failed", "not right yet", "bad", "no", "student"
    RAISED = "raised", "stopped with an error", "bad", "no", "student"
    TIMED_OUT = "timed_out", "took too long", "bad", "no", "student"
    OUT_OF_MEMORY = "out_of_memory", "needed too much memory", "bad", "no", "student"
    MISSING = "missing", "not found in the notebook", "bad", "no", "student"
    SKIPPED = "skipped", "not asked, it builds on another check", "none", "--", "student"
    BROKEN = "broken", "internal error, points open", "open", "??", "grader"

    def __new__(
        cls,
        spelling: str,
        words: str,
        tone: Tone,
        mark: str,
        pays: Literal["", "student", "grader"],
    ) -> Self:
        """Build a member from its spelling, and set its attributes."""
        member = str.__new__(cls, spelling)
        member._value_ = spelling
        member.words, member.tone, member.mark, member.pays = words, tone, mark, pays
        return member

    @property
    def style(self) -> str:
        """The colour on a terminal."""
        return STYLES[self.tone]


class Status(StrEnum):
    """How the grading of one submission ended: its spelling and its tone."""

    tone: Tone

    GRADED = "graded", "good"
    PARTIAL = "partial", "part"
    UNREADABLE = "unreadable", "bad"
    BROKEN = "broken", "open"

    def __new__(cls, spelling: str, tone: Tone) -> Self:
        """Build a member from its spelling, and set its tone."""
        member = str.__new__(cls, spelling)
        member._value_, member.tone = spelling, tone
        return member

    @property
    def style(self) -> str:
        """The colour on a terminal."""
        return STYLES[self.tone]


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
    """Return the verdict of a check that ended with `error`; None means that it passed.

    An error of unknown kind counts as internal.
    """
    if error is None:
        return Verdict.PASSED
    for kind, verdict in _BY_ERROR:
        if isinstance(error, kind):
            return verdict
    return Verdict.BROKEN
