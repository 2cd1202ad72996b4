"""Takes the points of an answer that uses what its assignment forbids.

Here: the result. Not here: which names a cell uses (`candidates.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from grader.grading.candidates import forbidden_names
from grader.records import Cell, ExerciseResult
from grader.verdict import Verdict


def without_forbidden(
    result: ExerciseResult, forbid: Sequence[str], cell: Cell, cells: tuple[Cell, ...]
) -> ExerciseResult:
    """Return a result as it is, or failed if its cell uses a forbidden name."""
    used = forbidden_names(cell, tuple(forbid), cells)
    if not used:
        return result
    message = f"This assignment asks you not to use {', '.join(used)}."
    checks = tuple(
        replace(check, verdict=Verdict.FAILED, points=Fraction(0), message=message)
        for check in result.checks
    )
    return replace(result, checks=checks, notes=(*result.notes, message))
