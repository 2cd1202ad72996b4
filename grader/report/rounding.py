"""Points as every report shows them: rounded here, once, from exact fractions.

A broken check counts on neither side, and the points of its exercise stay open. Here: rounding,
totals of a submission and of an exercise, the order of exercises. Not here: frames (`frames.py`),
sums as fractions (`grader/points.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from grader.points import Standing, standing, standing_of
from grader.records import SubmissionResult

Number = int | float


def exercise_names(results: Sequence[SubmissionResult], exercises: Sequence[str]) -> list[str]:
    """List the exercises of the assignment in its order, then any others that occur."""
    occurring = (exercise.exercise for result in results for exercise in result.exercises)
    return list(dict.fromkeys((*exercises, *occurring)))


def shown(points: Fraction) -> Number:
    """Round points to two decimals, halves up; whole numbers are ints."""
    if points.denominator == 1:
        return points.numerator
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
    """Add up a submission; one that is absent or could not be read earned 0 of all points."""
    if result.status.earns_nothing and not result.exercises:
        return Standing(max_points=max_points)
    return standing_of(result)


def points_of(result: SubmissionResult, exercise: str) -> Fraction | None:
    """Return the points of one exercise; None where they are open or it was not asked for."""
    for one in result.exercises:
        if one.exercise == exercise:
            earned = standing(one.checks)
            return None if earned.broken else earned.points
    return Fraction(0) if result.status.earns_nothing else None
