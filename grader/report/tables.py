"""Results as pandas frames: the gradebook in rows and columns. Points are rounded here, once.

`grades_frame` has one row a submission, `checks_frame` one row a check; their columns are part of
the commands' contract. A broken check is an internal error: it counts neither as earned nor as
lost, and the points of its exercise stay open, an empty cell.

Here: frames and rounding. Not here: files (`writers.py`), pages (`pages.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

import pandas as pd

from grader.points import Standing, standing, standing_of
from grader.records import SubmissionResult
from grader.verdict import Status

GRADES = ("student", "submission", "status", "points", "max_points", "percent")
CHECKS = (
    *("student", "exercise", "check", "verdict"),
    *("points", "max_points", "seconds", "message"),
)
Number = int | float


def grades_frame(
    results: Sequence[SubmissionResult],
    exercises: Sequence[str],
    *,
    max_points: Fraction = Fraction(0),
) -> pd.DataFrame:
    """Tabulate submissions, one row each, in the order given.

    Args:
        results: of one run.
        exercises: names in the order of the assignment; others that occur come after them.
        max_points: what the assignment is worth, for a submission that could not be read.

    Returns:
        The columns `GRADES`, then one of points per exercise. Cells are int, float or None: None
        where points are open or were not asked for.
    """
    names = exercise_names(results, exercises)
    rows = [_grades_row(result, names, max_points) for result in results]
    return pd.DataFrame(rows, columns=[*GRADES, *names], dtype=object)


def checks_frame(results: Sequence[SubmissionResult]) -> pd.DataFrame:
    """Tabulate checks, one row each; the columns are `CHECKS`."""
    rows = [
        (
            result.student,
            check.exercise,
            check.check,
            str(check.verdict),
            shown(check.points),
            shown(check.max_points),
            round(check.seconds, 3),
            check.message,
        )
        for result in results
        for exercise in result.exercises
        for check in exercise.checks
    ]
    return pd.DataFrame(rows, columns=list(CHECKS), dtype=object)


def exercise_names(results: Sequence[SubmissionResult], exercises: Sequence[str]) -> list[str]:
    """List the exercises of the assignment in its order, then any others that occur."""
    occurring = (exercise.exercise for result in results for exercise in result.exercises)
    return list(dict.fromkeys((*exercises, *occurring)))


def shown(points: Fraction) -> Number:
    """Round points to two decimals, halves up; whole numbers are ints."""
    hundredths = floor(points * 100 + Fraction(1, 2))
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100


def percent(share: Fraction | None) -> Number | None:
    """Round a share of 0 to 1 to a percentage with one decimal; 100 only for all there is."""
    if share is None:
        return None
    tenths = floor(share * 1000 + Fraction(1, 2))
    if share < 1:
        tenths = min(tenths, 999)
    return tenths // 10 if tenths % 10 == 0 else tenths / 10


def total_of(result: SubmissionResult, max_points: Fraction) -> Standing:
    """Add up a submission; one that could not be read earned 0 of all points."""
    if result.status is Status.UNREADABLE and not result.exercises:
        return Standing(max_points=max_points)
    return standing_of(result)


def points_of(result: SubmissionResult, exercise: str) -> Fraction | None:
    """Return the points of one exercise; None where they are open or it was not asked for."""
    for one in result.exercises:
        if one.exercise == exercise:
            earned = standing(one.checks)
            return None if earned.broken else earned.points
    return Fraction(0) if result.status is Status.UNREADABLE else None


def _grades_row(
    result: SubmissionResult, exercises: Sequence[str], max_points: Fraction
) -> tuple[object, ...]:
    total = total_of(result, max_points)
    # nothing of it was judged because of an internal error: not a zero
    is_open = result.status is Status.BROKEN and not total.max_points
    points = [points_of(result, exercise) for exercise in exercises]
    return (
        result.student,
        result.submission,
        str(result.status),
        None if is_open else shown(total.points),
        shown(total.max_points),
        percent(total.share),
        *(None if one is None else shown(one) for one in points),
    )
