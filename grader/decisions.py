"""What an instructor decided about a student's work, and what a result is worth after that.

Decisions are events and are never edited: the latest about the same subject counts, and `reopen`
takes back all earlier ones about its subject. Each remembers what its maker looked at (`seen`), so
that one about an older answer is listed again instead of being applied to a new one.

Here: decisions as data, and their effect on points. Not here: where they are stored
(`runs/decided.py`), late days and rounding, which are rules for all students (`policy.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from grader.records import CheckResult, ExerciseResult, SubmissionResult, WrittenAnswer
from grader.verdict import Verdict

Kind = Literal["points", "override", "excuse", "comment", "extension", "reopen"]
Subject = tuple[str, str, str]
"""What a decision is about: student, exercise, item."""
BY_HAND = "decided by hand"
"""The check that carries what an instructor's points differ from those of the other checks."""


@dataclass(frozen=True)
class Decision:
    """One decision about one subject: a student's exercise, a check of it, or a written answer."""

    student: str
    kind: Kind
    """`points`: for a written answer. `override`: the points of an exercise, or of one check.
    `excuse`: the subject counts on neither side. `comment`: shown to the student. `extension`:
    a later due date. `reopen`: nothing that was decided before holds."""
    exercise: str = ""
    """Empty for the submission as a whole."""
    item: str = ""
    """Name of a check, or question of a written answer (`question_of`); empty for all of it."""
    points: Fraction | None = None
    max_points: Fraction | None = None
    """What a written answer could earn."""
    text: str = ""
    """The comment, the reason, or the new due date (ISO 8601)."""
    seen: str = ""
    """Mark of the work that was decided about (`mark_of`); empty: holds for any."""
    who: str = ""
    made_at: str = ""
    """UTC, ISO 8601."""
    rubric: tuple[int, ...] = ()
    """Rubric items that apply to a written answer (`runs/rubrics.py`)."""
    id: int = 0
    """Its place in the gradebook, from 1; 0 while it is not stored."""

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return self.student, self.exercise, self.item


@dataclass(frozen=True)
class Settled:
    """A result after the decisions about it."""

    result: SubmissionResult
    applied: tuple[Decision, ...] = ()
    outdated: tuple[Decision, ...] = ()
    """Decisions about work that has changed since: they wait for another look."""


def question_of(answer: WrittenAnswer) -> str:
    """Return the key by which the answers of a class to one question are found.

    It is the section, since students name the headings in it as they like; the heading where there
    is no section. All that a student wrote in a section is one answer.
    """
    return " ".join(re.findall(r"\w+(?:\.\w+)*", (answer.section or answer.heading).casefold()))


def mark_of(result: SubmissionResult, exercise: str, item: str = "") -> str:
    """Return a hash of what a decision is about, hexadecimal.

    Of a written answer: its text. Of an exercise or check: the code that was judged and the
    verdicts. Of a submission as a whole: empty, since such a decision holds for any.
    """
    found = next((one for one in result.exercises if one.exercise == exercise), None)
    if found is None:
        return ""
    if found.by_hand:
        parts = [answer.text for answer in result.answers if question_of(answer) == item]
    else:
        checks = [one for one in found.checks if item in ("", one.check)]
        parts = [found.source, *(f"{one.check} {one.verdict} {one.points}" for one in checks)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def in_force(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions that count: the latest of each subject and kind, none before a reopen.

    Args:
        decisions: oldest first.
    """
    kept: dict[tuple[Subject, Kind], Decision] = {}
    for one in decisions:
        if one.kind == "reopen":
            kept = {key: held for key, held in kept.items() if key[0] != one.subject}
        else:
            kept.pop((one.subject, one.kind), None)
            kept[one.subject, one.kind] = one
    return list(kept.values())


def settle(result: SubmissionResult, decisions: Sequence[Decision]) -> Settled:
    """Apply to a result the decisions about its student.

    Args:
        result: as it was graded.
        decisions: of any students, oldest first.
    """
    ours = in_force(one for one in decisions if one.student == result.student)
    current = [one for one in ours if one.seen in ("", mark_of(result, one.exercise, one.item))]
    # an excuse is last: what it is about counts on neither side
    for one in sorted(current, key=lambda one: one.kind == "excuse"):
        result = _applied(result, one)
    return Settled(result, tuple(current), tuple(one for one in ours if one not in current))


def _applied(result: SubmissionResult, decision: Decision) -> SubmissionResult:
    change = {"points": _graded, "override": _overridden, "excuse": _excused}.get(decision.kind)
    if change is None:
        return result
    about = (decision.exercise,) if decision.exercise else [e.exercise for e in result.exercises]
    exercises = tuple(
        change(one, decision) if one.exercise in about else one for one in result.exercises
    )
    return replace(result, exercises=exercises)


def _graded(exercise: ExerciseResult, decision: Decision) -> ExerciseResult:
    """Add the points of a written answer as a check of their own."""
    points, most = decision.points or Fraction(0), decision.max_points or Fraction(0)
    return replace(exercise, checks=(*exercise.checks, _by_hand(exercise, decision, points, most)))


def _overridden(exercise: ExerciseResult, decision: Decision) -> ExerciseResult:
    if decision.points is None:
        return exercise
    if decision.item:
        points = decision.points
        return _with_checks(
            exercise, lambda one: _decided(one, points, decision.text), decision.item
        )
    settled = _with_checks(exercise, _closed)
    difference = decision.points - settled.points
    row = _by_hand(exercise, decision, difference, Fraction(0))
    return replace(settled, checks=(*settled.checks, row))


def _excused(exercise: ExerciseResult, decision: Decision) -> ExerciseResult:
    def excused(check: CheckResult) -> CheckResult:
        message = f"excused: {decision.text}" if decision.text else "excused"
        zero = Fraction(0)
        return replace(
            check, verdict=Verdict.SKIPPED, points=zero, max_points=zero, message=message
        )

    return _with_checks(exercise, excused, decision.item)


def _with_checks(
    exercise: ExerciseResult, change: Callable[[CheckResult], CheckResult], name: str = ""
) -> ExerciseResult:
    checks = tuple(change(one) if name in ("", one.check) else one for one in exercise.checks)
    return replace(exercise, checks=checks)


def _decided(check: CheckResult, points: Fraction, reason: str) -> CheckResult:
    verdict = Verdict.PASSED if points >= check.max_points else Verdict.FAILED
    if verdict is check.verdict and points == check.points:
        return check
    return replace(check, verdict=verdict, points=points, message=reason or BY_HAND, traceback="")


def _closed(check: CheckResult) -> CheckResult:
    """Close a check that an internal error left open: the decision about its exercise counts."""
    if not check.verdict.is_ours:
        return check
    return replace(check, verdict=Verdict.SKIPPED, message=BY_HAND, traceback="")


def _by_hand(
    exercise: ExerciseResult, decision: Decision, points: Fraction, most: Fraction
) -> CheckResult:
    return CheckResult(
        exercise=exercise.exercise,
        check=decision.item or BY_HAND,
        claim=BY_HAND,
        verdict=Verdict.PASSED,  # few points given by hand are no failed check
        points=points,
        max_points=most,
        message=decision.text,
    )
