"""Pools the results of several notebooks of one student.

Here: which of several results of an exercise counts, and what is left of the time. Not here: the
judging (`grader.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from grader.records import (
    CellRun,
    CheckResult,
    ExerciseResult,
    Limits,
    LossCurve,
    NotebookFile,
    SubmissionResult,
    WrittenAnswer,
)
from grader.verdict import Status, Verdict


@dataclass(frozen=True)
class Part:
    """What one notebook of a submission gave."""

    exercises: dict[str, ExerciseResult] = field(default_factory=dict)
    cells: tuple[CellRun, ...] = ()
    answers: tuple[WrittenAnswer, ...] = ()
    curves: tuple[LossCurve, ...] = ()
    notes: tuple[str, ...] = ()
    lacking: dict[str, Fraction] = field(default_factory=dict)
    """Packages that were missing, and the points that hang on each."""
    without_reasons: frozenset[str] = frozenset()
    """Exercises whose failures have no reasons: they are asked again beside a right part."""

    @property
    def is_solved(self) -> bool:
        """Whether every check of what was asked has passed."""
        return all(one.is_solved for one in self.exercises.values())

    def of_file(self, file: str) -> Part:
        """Return the same with the name of the notebook in every record."""
        if not file:
            return self
        return Part(
            {name: replace(one, file=file) for name, one in self.exercises.items()},
            tuple(replace(run, file=file) for run in self.cells),
            tuple(replace(answer, file=file) for answer in self.answers),
            tuple(replace(curve, file=file) for curve in self.curves),
            self.notes,
            self.lacking,
            self.without_reasons,
        )


def merit(checks: Sequence[CheckResult]) -> tuple[bool, Fraction, int, int]:
    """Return the sort key of results of an exercise, the best highest."""
    broken = any(check.verdict is Verdict.BROKEN for check in checks)
    passed = sum(check.verdict is Verdict.PASSED for check in checks)
    there = sum(check.verdict is not Verdict.MISSING for check in checks)
    return not broken, sum((check.points for check in checks), Fraction(0)), passed, there


def best_of(results: Sequence[ExerciseResult | None]) -> ExerciseResult:
    """Return the result that counts, of the notebooks that were asked.

    An internal error in one notebook counts as long as no other notebook has all points: the answer
    that could not be judged may be the best one.
    """
    asked = [one for one in results if one is not None]
    best = max(asked, key=lambda one: merit(one.checks))
    broken = [one for one in asked if not merit(one.checks)[0]]
    return broken[0] if broken and not best.is_solved else best


def solved(parts: Sequence[Part]) -> frozenset[str]:
    """Return the names of the exercises in which every check passed."""
    return frozenset(
        name for part in parts for name, one in part.exercises.items() if one.is_solved
    )


def within(limits: Limits, left_s: float) -> Limits:
    """Return limits reduced to the rest of a submission's time."""
    return replace(limits, submission_s=left_s, notebook_s=min(limits.notebook_s, left_s))


def not_run(notebook: NotebookFile, limit_s: float) -> Part:
    """Return the result of a notebook for which no time was left."""
    cells = tuple(
        CellRun(cell.index, "not_run", file=notebook.name)
        for cell in notebook.cells
        if cell.kind == "code"
    )
    note = f"{notebook.name} did not run: the notebooks before it took {limit_s:g} s together"
    return Part(cells=cells, notes=(note,))


def lacking_in_all(parts: Sequence[Part], counted: Sequence[ExerciseResult]) -> dict[str, Fraction]:
    """Return the packages that notebooks lacked, with the points that are open in the end.

    Points are open only where the result that counts is broken: another notebook may have earned
    them.
    """
    still_open = sum(
        (c.max_points for one in counted for c in one.checks if c.verdict is Verdict.BROKEN),
        Fraction(0),
    )
    found: dict[str, Fraction] = {}
    for part in parts:
        for name, points in part.lacking.items():
            found[name] = min(still_open, found.get(name, Fraction(0)) + points)
    return found


def status_of(result: SubmissionResult) -> Status:
    """Return how the grading of a submission ended, by its checks and cells."""
    checks = [check for exercise in result.exercises for check in exercise.checks]
    if any(check.verdict.is_ours for check in checks):
        return Status.BROKEN
    required = [exercise for exercise in result.exercises if not exercise.optional]
    missing = any(
        check.verdict is Verdict.MISSING for exercise in required for check in exercise.checks
    )
    if missing or any(run.failed and not run.excused for run in result.cells):
        return Status.PARTIAL
    return Status.GRADED
