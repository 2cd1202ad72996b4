"""What cost a student most points, and the cause: a failed cell before the names it had to bind.

Exercises whose definition stood in a cell that did not run through are one cost with that cell, and
so are the cells that failed for want of it. Every other exercise is a cost of its own.

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


def costs(result: SubmissionResult) -> list[Cost]:
    """Return what cost most points, the most first; the first failed cell leads if it cost any."""
    cause = first_cause(result.cells)
    of_cell: list[int] = []
    found: list[Cost] = []
    for place, exercise in enumerate(result.exercises):
        lost = _lost(exercise)
        if not lost:
            continue
        if cause is not None and _follows(exercise, cause):
            of_cell.append(place)
        else:
            found.append(Cost(lost, (place,)))
    if cause is not None and of_cell:
        points = sum((_lost(result.exercises[place]) for place in of_cell), Fraction(0))
        found.append(Cost(points, tuple(of_cell), cause))
    found.sort(key=lambda cost: -cost.points)
    return [cost for place, cost in enumerate(found) if place < _MOST_COSTS or cost.cause]


def _lost(exercise: ExerciseResult) -> Fraction:
    """Return the points of an exercise that are lost for good: open ones are not."""
    earned = standing(exercise.checks)
    return Fraction(0) if exercise.by_hand else earned.max_points - earned.points


def _follows(exercise: ExerciseResult, cause: Cause) -> bool:
    """Return whether an exercise is missing because of a failed cell or one that follows it."""
    wrong = [check for check in exercise.checks if check.verdict.is_wrong]
    if not wrong or any(check.verdict is not Verdict.MISSING for check in wrong):
        return False
    named: Sequence[str] = [cell for check in wrong for cell in _CELL.findall(check.message)]
    return any(int(cell) in cause.cells for cell in named)
