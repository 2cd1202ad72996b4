"""A finished run as pandas frames with real dtypes, for `describe`, `groupby` and `corr`.

`grader.load("reports/latest")` returns a `RunFrames`. The frames hold the facts, and no text made
for a page. Points are `Float64`; they are missing (`<NA>`) where a broken check leaves them open
or an exercise was not asked for.

Here: frames for analysis. Not here: the columns of the CSV files (`tables.py`), pages (`pages.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from grader.records import SubmissionResult
from grader.report.tables import exercise_names, percent, points_of, shown, total_of
from grader.runs.pipeline import StoredRun, latest
from grader.verdict import Status, Verdict

SUBMISSIONS = {
    "student": "string", "submission": "string", "status": "status", "points": "Float64",
    "max_points": "Float64", "percent": "Float64", "seconds": "Float64", "finished_at": "time",
    "problem": "string", "traceback": "string",
}  # fmt: skip
EXERCISES = {
    "student": "string", "exercise": "exercise", "section": "string", "optional": "boolean",
    "points": "Float64", "max_points": "Float64", "cell": "Int64", "mistake": "string",
}  # fmt: skip
CHECKS = {
    "student": "string", "exercise": "exercise", "check": "string", "verdict": "verdict",
    "points": "Float64", "max_points": "Float64", "seconds": "Float64", "message": "string",
    "call": "string", "got": "string", "expected": "string", "traceback": "string",
}  # fmt: skip
CELLS = {
    "student": "string", "cell": "Int64", "status": "category", "seconds": "Float64",
    "error": "string", "line": "Int64",
}  # fmt: skip
ANSWERS = {
    "student": "string", "section": "string", "heading": "string", "cell": "Int64",
    "text": "string", "state": "category",
}  # fmt: skip


@dataclass(frozen=True)
class RunFrames:
    """The frames of one run.

    Attributes:
        title: of the assignment.
        started_at: of the run, UTC, ISO 8601.
        submissions: one row a submission: `student, submission` (string), `status` (ordered
            category), `points, max_points, percent, seconds` (Float64), `finished_at`
            (datetime64, UTC), `problem, traceback` (string), then one Float64 column of points for
            each exercise.
        exercises: one row a submission and exercise: `student, section, mistake` (string),
            `exercise` (category in the order of the assignment), `optional` (boolean), `points,
            max_points` (Float64), `cell` (Int64).
        checks: one row a check: `student, check, message, call, got, expected, traceback`
            (string), `exercise, verdict` (category), `points, max_points, seconds` (Float64).
        cells: one row a code cell: `student, error` (string), `cell, line` (Int64), `status`
            (category), `seconds` (Float64).
        answers: one row a written answer: `student, section, heading, text` (string), `cell`
            (Int64), `state` (category).
    """

    title: str
    started_at: str
    submissions: pd.DataFrame
    exercises: pd.DataFrame
    checks: pd.DataFrame
    cells: pd.DataFrame
    answers: pd.DataFrame


def load(out: str | Path = "reports/latest") -> RunFrames:
    """Return the latest run in an `--out` folder as frames.

    Raises:
        UsageError: the folder holds no gradebook, or the gradebook no run.
    """
    return frames_of(latest(Path(out)))


def frames_of(run: StoredRun) -> RunFrames:
    """Return a stored run as frames."""
    names = exercise_names(run.results, run.exercises)
    return RunFrames(
        run.title,
        run.started_at,
        _submissions(run, names),
        _frame(EXERCISES, (row for one in run.results for row in _exercises(one)), names),
        _frame(CHECKS, (row for one in run.results for row in _checks(one)), names),
        _frame(CELLS, (row for one in run.results for row in _cells(one)), names),
        _frame(ANSWERS, (row for one in run.results for row in _answers(one)), names),
    )


def _submissions(run: StoredRun, names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for result in run.results:
        total = total_of(result, run.max_points)
        is_open = result.status is Status.BROKEN and not total.max_points
        points = [points_of(result, name) for name in names]
        rows.append((
            result.student, result.submission, str(result.status),
            None if is_open else shown(total.points), shown(total.max_points),
            percent(total.share), result.seconds, result.finished_at, result.problem,
            result.traceback, *(None if one is None else shown(one) for one in points),
        ))  # fmt: skip
    return _frame({**SUBMISSIONS, **dict.fromkeys(names, "Float64")}, rows, names)


def _exercises(result: SubmissionResult) -> Iterable[tuple[object, ...]]:
    for one in result.exercises:
        points = points_of(result, one.exercise)
        yield (
            result.student, one.exercise, one.section, one.optional,
            None if points is None else shown(points), shown(one.max_points), one.cell,
            one.mistake.title if one.mistake else None,
        )  # fmt: skip


def _checks(result: SubmissionResult) -> Iterable[tuple[object, ...]]:
    for check in (check for exercise in result.exercises for check in exercise.checks):
        example = check.counterexample
        is_open = check.verdict.is_ours
        yield (
            result.student, check.exercise, check.check, str(check.verdict),
            None if is_open else shown(check.points), shown(check.max_points), check.seconds,
            check.message, example and example.call, example and example.got,
            example and example.expected, check.traceback,
        )  # fmt: skip


def _cells(result: SubmissionResult) -> Iterable[tuple[object, ...]]:
    for run in result.cells:
        yield result.student, run.index, run.status, run.seconds, run.error, run.line or None


def _answers(result: SubmissionResult) -> Iterable[tuple[object, ...]]:
    for one in result.answers:
        yield result.student, one.section, one.heading, one.cell, one.text, one.state


def _frame(
    columns: dict[str, str], rows: Iterable[tuple[object, ...]], exercises: Sequence[str]
) -> pd.DataFrame:
    """Build a frame whose columns have their dtypes also where it has no rows."""
    frame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    kinds: dict[str, Any] = {
        "status": pd.CategoricalDtype([str(status) for status in Status], ordered=True),
        "verdict": pd.CategoricalDtype([str(verdict) for verdict in Verdict]),
        "exercise": pd.CategoricalDtype(list(exercises), ordered=True),
    }
    for name, kind in columns.items():
        if kind == "time":
            frame[name] = pd.to_datetime(frame[name].replace("", None), utc=True)
        else:
            frame[name] = frame[name].astype(kinds.get(kind, kind))
    return frame
