"""What cost a student most points, and the cause: a failed cell before the names it had to bind.

Exercises whose definition stood in a cell that did not run through are one cost with that cell, and
so are the cells that failed for want of it. Those that are not in the notebook for any other reason
are one cost too. Every other exercise is a cost of its own.

Here: grouping and order. Not here: why a cell failed (`grading/absences.py`), the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.points import standing
from grader.records import ExerciseResult, SubmissionResult
from grader.report.failed_cells import Cause, first_cause
from grader.verdict import Verdict

_MOST_COSTS = 3
_CELL = re.compile(r"\bcell (\d+)\b")


@dataclass(frozen=True)
class Cost:
    """Points lost for one reason."""

    points: Fraction
    exercises: tuple[int, ...]
    """Places of the exercises among the result's."""
    cause: Cause | None = None
    """The failed cell; None where the reason is in the exercise itself."""
    is_missing: bool = False
    """Whether nothing of these names was found, for no failed cell."""


def costs(result: SubmissionResult) -> list[Cost]:
    """Return what cost most points, the most first; the first failed cell leads if it cost any."""
    cause = first_cause(result.cells)
    of_cell: list[int] = []
    missing: list[int] = []
    found: list[Cost] = []
    for place, exercise in enumerate(result.exercises):
        lost = _lost(exercise)
        if not lost:
            continue
        if cause is not None and _follows(exercise, cause):
            of_cell.append(place)
        elif _is_missing(exercise):
            missing.append(place)
        else:
            found.append(Cost(lost, (place,)))
    for places, why in ((of_cell, cause), (missing, None)):
        if places:
            points = sum((_lost(result.exercises[place]) for place in places), Fraction(0))
            found.append(Cost(points, tuple(places), why, is_missing=why is None))
    found.sort(key=lambda cost: -cost.points)
    return [cost for place, cost in enumerate(found) if place < _MOST_COSTS or cost.cause]


def _lost(exercise: ExerciseResult) -> Fraction:
    """Return the points of an exercise that are lost for good: open ones are not."""
    earned = standing(exercise.checks)
    return Fraction(0) if exercise.by_hand else earned.max_points - earned.points


def _is_missing(exercise: ExerciseResult) -> bool:
    wrong = [check for check in exercise.checks if check.verdict.is_wrong]
    return bool(wrong) and all(check.verdict is Verdict.MISSING for check in wrong)


def _follows(exercise: ExerciseResult, cause: Cause) -> bool:
    """Return whether an exercise is missing because of a failed cell or one that follows it."""
    if not _is_missing(exercise):
        return False
    named: Sequence[str] = [c for check in exercise.checks for c in _CELL.findall(check.message)]
    return any(int(cell) in cause.cells for cell in named)
