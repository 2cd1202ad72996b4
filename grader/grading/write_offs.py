"""The result of a submission whose grading was ended from outside: what was judged before counts.

Here: the order, and the result that follows from it. Not here: when grading is ended
(`runs/worker_bounds.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grader.course import Exercise
from grader.grading.pooling import best_of
from grader.records import ExerciseResult, Submission, SubmissionResult
from grader.verdict import Status, Verdict

if TYPE_CHECKING:  # the main process knows write-offs, and does not load torch
    from grader.grading.check_session import CheckSession


@dataclass(frozen=True)
class WriteOff:
    """The order to end a submission with what was judged before its worker was ended."""

    submission: Submission
    judged: tuple[ExerciseResult, ...]
    verdict: Verdict
    """Of every check that was not judged."""
    message: str
    seconds: float
    """How long the submission was graded in vain."""


def write_off(
    order: WriteOff, begun: SubmissionResult, exercises: Sequence[Exercise], session: CheckSession
) -> SubmissionResult:
    """Return the result: `begun`, with a row for every exercise."""
    found = []
    for exercise in exercises:
        judged = [one for one in order.judged if one.exercise == exercise.name]
        by_hand = exercise.kind == "answers"
        verdict = Verdict.PASSED if by_hand else order.verdict  # no points hang on it
        checks = session.not_asked(exercise, verdict, order.message)
        row = ExerciseResult(
            exercise.name, exercise.title, exercise.section, exercise.optional, tuple(checks),
            by_hand=by_hand,
        )  # fmt: skip
        found.append(best_of(judged) if judged else row)
    return replace(begun, status=Status.PARTIAL, exercises=tuple(found), run_notes=(order.message,))
