"""How a check and a submission ended: the verdict, its words, its tone and who pays for it.

The enum holds all that pages, tables and the terminal need, so a new verdict is one line here and
its error in `_BY_ERROR`. Nothing here reads what a cell printed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from grader import errors

Tone = Literal["good", "part", "low", "bad", "open", "none"]
"""The meaning of a colour: earned, half or more, less than half, lost, open, not asked."""
Payer = Literal["", "student", "grader"]
STYLES: dict[Tone, str] = {
    "good": "green", "part": "yellow", "low": "red", "bad": "red", "open": "magenta", "none": "dim",
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
        advice: for a student, what to look for; empty where the check's own hint says it.
    """

    words: str
    tone: Tone
    mark: str
    pays: Payer
    advice: str

    PASSED = "passed", "passed", "good", "ok", ""
    FAILED = "failed", "not right yet", "bad", "no", "student"
    RAISED = "raised", "stopped with an error", "bad", "no", "student"
    TIMED_OUT = (
        "timed_out", "took too long", "bad", "no", "student",
        "Look for a loop that does not end, such as a while whose condition stays true; print its "
        "counter in each pass.",
    )  # fmt: skip
    OUT_OF_MEMORY = (
        "out_of_memory", "needed too much memory", "bad", "no", "student",
        "Look for a list or tensor that grows in every pass, or one that is far larger than its "
        "input.",
    )  # fmt: skip
    MISSING = "missing", "not found in the notebook", "bad", "no", "student"
    SKIPPED = "skipped", "not asked, it builds on another check", "none", "--", "student"
    BROKEN = "broken", "internal error, points open", "open", "??", "grader"

    def __new__(
        cls,
        spelling: str,
        words: str,
        tone: Tone,
        mark: str,
        pays: Payer,
        advice: str = "",
    ) -> Self:
        """Build a member from its spelling, and set its attributes."""
        member = str.__new__(cls, spelling)
        member._value_ = spelling
        member.words, member.tone, member.mark, member.pays = words, tone, mark, pays
        member.advice = advice
        return member

    @property
    def style(self) -> str:
        """The colour on a terminal."""
        return STYLES[self.tone]

    @property
    def is_wrong(self) -> bool:
        """Whether the check found something that the student can correct."""
        return self.pays == "student" and self is not Verdict.SKIPPED

    @property
    def is_ours(self) -> bool:
        """Whether the grader failed, so that the points stay open."""
        return self.pays == "grader"


class Status(StrEnum):
    """How the grading of one submission ended: its spelling, its tone, how much it needs a human.

    Attributes:
        tone: one of `Tone`.
        urgency: 0 needs no human, 1 deserves a look, from 2 on there is no grade without one; the
            most urgent are listed first.
    """

    tone: Tone
    urgency: int

    GRADED = "graded", "good", 0
    PARTIAL = "partial", "part", 1
    ABSENT = "absent", "none", 1
    UNREADABLE = "unreadable", "bad", 2
    BROKEN = "broken", "open", 3

    def __new__(cls, spelling: str, tone: Tone, urgency: int) -> Self:
        """Make a member that is its spelling and knows the rest."""
        member = str.__new__(cls, spelling)
        member._value_, member.tone, member.urgency = spelling, tone, urgency
        return member

    @property
    def style(self) -> str:
        """The colour on a terminal."""
        return STYLES[self.tone]

    @property
    def earns_nothing(self) -> bool:
        """Whether there was nothing to judge, so that the submission has 0 of all points."""
        return self in (Status.ABSENT, Status.UNREADABLE)


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
