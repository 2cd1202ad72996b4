"""What a person adds to a student's page: points and comments, for an exercise or an answer.

Here: the records that a page is given, made from decisions. Not here: how they are shown
(`templates/feedback.html`), what they do to points (`grader/decisions.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from grader.decisions import Decision, in_force, question_of
from grader.records import SubmissionResult


@dataclass(frozen=True)
class ManualNote:
    """Points and a comment of one person; a comment is plain text."""

    comment: str = ""
    points: Fraction | None = None
    max_points: Fraction | None = None
    by: str = ""


@dataclass(frozen=True)
class ManualNotes:
    """All notes on one submission."""

    exercises: Mapping[str, ManualNote] = field(default_factory=dict)
    """By the name of the exercise."""
    answers: Mapping[int, ManualNote] = field(default_factory=dict)
    """By the place of the written answer in `SubmissionResult.answers`."""
    overall: ManualNote | None = None


def notes_of(result: SubmissionResult, decisions: Iterable[Decision]) -> ManualNotes:
    """Return what was decided about a submission, for its page.

    Args:
        result: of the submission.
        decisions: those that apply, of any students, oldest first.
    """
    by_hand = {one.exercise for one in result.exercises if one.by_hand}
    last: dict[str, int] = {}
    for place, answer in enumerate(result.answers):
        question = question_of(answer)
        # below the last text of the question: a heading without a text is no answer
        if question not in last or answer.state == "written":
            last[question] = place
    exercises: dict[str, ManualNote] = {}
    answers: dict[int, ManualNote] = {}
    overall: ManualNote | None = None
    for one in in_force(one for one in decisions if one.student == result.student):
        if one.exercise in by_hand and one.item in last:
            answers[last[one.item]] = _with(answers.get(last[one.item]), one)
        elif one.exercise:
            exercises[one.exercise] = _with(exercises.get(one.exercise), one)
        else:
            overall = _with(overall, one)
    return ManualNotes(exercises, answers, overall)


def _with(note: ManualNote | None, decision: Decision) -> ManualNote:
    """Add a decision to what is known about its subject."""
    note = note or ManualNote()
    words = {"excuse": f"Excused: {decision.text}", "extension": f"Extended to {decision.text}"}
    text = words.get(decision.kind, decision.text)
    comment = "\n".join(part for part in (note.comment, text) if part)
    if decision.kind not in ("points", "override") or decision.points is None:
        return replace(note, comment=comment, by=decision.who)
    return ManualNote(comment, decision.points, decision.max_points, decision.who)
