"""A finished run as pandas frames with real dtypes, for `describe`, `groupby` and `corr`.

`grader.load("reports/latest")` returns a `RunFrames`. The frames hold the facts, and no text made
for a page. Points are `Float64`; they are missing (`<NA>`) where a broken check leaves them open
or an exercise was not asked for. grades.csv and checks.csv are derived from these frames.

Here: frames for analysis. Not here: the columns of the CSV files (`tables.py`), rounding
(`rounding.py`), pages (`pages.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd

from grader.points import standing
from grader.records import UNNAMED, CellRun, ExerciseResult, SubmissionResult, WrittenAnswer
from grader.report.rounding import exercise_names, percent, points_of, shown, total_of
from grader.runs.stored_run import StoredRun, latest
from grader.text import without_surrogates
from grader.verdict import Payer, Status, Verdict

_Row = tuple[Any, ...]
# kept by Python: whether pyarrow is installed must not decide what a column can do
_TEXT = pd.StringDtype("python")
_TIME = "datetime64[us, UTC]"


def _category(values: Iterable[str], *, ordered: bool = False) -> pd.CategoricalDtype:
    return pd.CategoricalDtype([str(value) for value in values], ordered=ordered)


_EXERCISE = "exercise"  # the dtype depends on the assignment
_WHOSE: dict[str, Any] = {"number": "Int64", "student": _TEXT, "submission": _TEXT}
SUBMISSIONS = _WHOSE | {
    "status": _category(Status, ordered=True), "points": "Float64", "max_points": "Float64",
    "open_points": "Float64", "percent": "Float64", "seconds": "Float64", "cells_failed": "Int64",
    "finished_at": _TIME, "problem": _TEXT, "traceback": _TEXT, "handed_in_at": _TIME,
    "days_late": "Int64", "adjusted_points": "Float64", "adjusted_max_points": "Float64",
    "adjusted_percent": "Float64", "adjustments": _TEXT,
}  # fmt: skip
EXERCISES = _WHOSE | {
    "exercise": _EXERCISE, "section": _TEXT, "optional": "boolean", "by_hand": "boolean",
    "points": "Float64", "max_points": "Float64", "percent": "Float64", "name": _TEXT,
    "cell": "Int64", "mistake": _TEXT,
}  # fmt: skip
CHECKS = _WHOSE | {
    "exercise": _EXERCISE, "check": _TEXT, "claim": _TEXT, "verdict": _category(Verdict),
    "pays": _category(get_args(Payer)), "points": "Float64", "max_points": "Float64",
    "seconds": "Float64", "message": _TEXT, "call": _TEXT, "got": _TEXT, "expected": _TEXT,
    "traceback": _TEXT,
}  # fmt: skip
CELLS = _WHOSE | {
    "cell": "Int64", "status": _category(get_args(get_type_hints(CellRun)["status"])),
    "seconds": "Float64", "error": _TEXT, "line": "Int64",
}  # fmt: skip
ANSWERS = _WHOSE | {
    "section": _TEXT, "heading": _TEXT, "cell": "Int64",
    "state": _category(get_args(get_type_hints(WrittenAnswer)["state"])), "text": _TEXT,
}  # fmt: skip
ROSTER = _WHOSE | {"id": _TEXT, "name": _TEXT, "section": _TEXT}


@dataclass(frozen=True)
class RunFrames:
    """The frames of one run.

    Every frame begins with `number` (Int64: the place of the submission in the run, from 0),
    `student` and `submission` (string), by which frames are joined: a student may have handed in
    twice. Text that does not apply is missing (`<NA>`), as open points are.

    Attributes:
        title: of the assignment.
        started_at: of the run, UTC, ISO 8601.
        submissions: one row a submission, unreadable ones included: `status` (ordered category),
            `points, max_points, open_points, percent, seconds` (Float64), `cells_failed` (Int64),
            `finished_at` (datetime64, UTC), `problem, traceback` (string), then one Float64 column
            of points for each exercise, named after it. `points` and `max_points` leave out the
            checks that broke; what these are worth is `open_points`. `points` are what the checks
            and an instructor gave; `adjusted_points`, `adjusted_max_points`, `adjusted_percent`
            (Float64) what the assignment's policy makes of them, for the reasons in `adjustments`
            (string); `handed_in_at` (datetime64, UTC) and `days_late` (Int64). Who is on the roster
            and handed in nothing has a row here, the last ones, and in no other frame but `roster`.
        exercises: one row a submission and exercise: `exercise` (ordered category, as in the
            assignment), `section, name, mistake` (string), `optional, by_hand` (boolean), `points,
            max_points, percent` (Float64), `cell` (Int64). An unreadable submission has 0 points
            for every exercise.
        checks: one row a check: `check, claim, message, call, got, expected, traceback` (string),
            `exercise, verdict, pays` (category), `points, max_points, seconds` (Float64).
        cells: one row a code cell: `error` (string), `cell, line` (Int64), `status` (category),
            `seconds` (Float64).
        answers: one row a written answer: `section, heading, text` (string), `cell` (Int64),
            `state` (category).
        roster: one row a submission: `id, name, section` (string), as the roster has them, missing
            for who is not on it; no row without a roster.
    """

    title: str
    started_at: str
    submissions: pd.DataFrame
    exercises: pd.DataFrame
    checks: pd.DataFrame
    cells: pd.DataFrame
    answers: pd.DataFrame
    roster: pd.DataFrame
    is_adjusted: bool = False
    """Whether a policy or an instructor's decision may have changed points."""


def load(out: str | Path = "reports/latest") -> RunFrames:
    """Return the latest run in an `--out` folder as frames.

    Raises:
        UsageError: the folder holds no gradebook, or the gradebook no run.
    """
    return frames_of(latest(Path(out)))


def frames_of(run: StoredRun) -> RunFrames:
    """Return a stored run as frames."""
    named: dict[str, str] = {}  # as cells of a frame hold it: the name
    for name in exercise_names(run.results, run.exercises):
        named.setdefault(without_surrogates(name), name)
    exercise = _category(named, ordered=True)
    known = {one.exercise: one for result in reversed(run.results) for one in result.exercises}

    def frame(
        columns: Mapping[str, Any], rows_of: Callable[[SubmissionResult], Iterable[_Row]]
    ) -> pd.DataFrame:
        rows = [
            (number, result.student, result.submission, *row)
            for number, result in enumerate(run.results)
            for row in rows_of(result)
        ]
        return _frame(columns, rows, exercise)

    return RunFrames(
        run.title,
        run.started_at,
        _submissions(run, named, exercise),
        frame(EXERCISES, lambda result: _exercises(result, named.values(), known)),
        frame(CHECKS, _checks),
        frame(CELLS, _cells),
        frame(ANSWERS, _answers),
        _frame(ROSTER, list(_roster(run)), exercise),
        run.policy.changes_points or bool(run.decisions),
    )


# ---- rows


def _submissions(
    run: StoredRun, named: Mapping[str, str], exercise: pd.CategoricalDtype
) -> pd.DataFrame:
    # an exercise may be called `points`; its column must not hide ours
    columns = [f"{name} (exercise)" if name in SUBMISSIONS else name for name in named]
    rows = []
    for number, result in enumerate((*run.results, *run.absent)):
        total = total_of(result, run.max_points)
        # nothing of it was judged, by an internal error: not a zero
        is_open = result.status is Status.BROKEN and not total.max_points
        points = [points_of(result, name) for name in named.values()]
        rows.append((
            number, result.student, result.submission, str(result.status),
            None if is_open else shown(total.points), shown(total.max_points), shown(total.open),
            percent(total.share), result.seconds, sum(run.failed for run in result.cells),
            result.finished_at or None, result.problem or None, result.traceback or None,
            *_adjustments(run, number, is_open=is_open),
            *(None if one is None else shown(one) for one in points),
        ))  # fmt: skip
    return _frame({**SUBMISSIONS, **dict.fromkeys(columns, "Float64")}, rows, exercise)


def _adjustments(run: StoredRun, number: int, *, is_open: bool) -> _Row:
    """Return what the policy made of a submission; its reasons and an instructor's in words."""
    if number >= len(run.results):  # absent
        return None, None, 0, shown(run.most_after), 0.0 if run.most_after else None, None
    result, adjusted = run.results[number], run.adjusted[number]
    total = adjusted.standing
    moment = run.handed_in(result)
    decided = [
        f"{one.kind} {one.exercise or one.item}: {one.text}".strip(": ")
        for one in run.decisions
        if one.student == result.student and one.kind in ("override", "excuse")
    ]
    return (
        None if moment is None else moment.astimezone(UTC).isoformat(), adjusted.days_late,
        None if is_open else shown(total.points), shown(total.max_points), percent(total.share),
        "; ".join((*adjusted.reasons, *decided)) or None,
    )  # fmt: skip


def _roster(run: StoredRun) -> Iterable[_Row]:
    if run.attendance is None:
        return
    owners = [run.people.get(result.key, UNNAMED) for result in run.results]
    listed = [(one.listed,) if one.listed else one.members for one in owners]
    rows = zip(
        (*run.results, *run.absent),
        (*listed, *((one,) for one in run.attendance.absent)),
        strict=True,
    )
    for number, (result, known) in enumerate(rows):
        ids = [next(iter((*one.ids, *one.logins, one.system_id)), "") for one in known]
        told = (ids, [one.name for one in known], list(dict.fromkeys(one.section for one in known)))
        # the members of a group stand in one cell each, as they have one row
        yield (
            number, result.student, result.submission,
            *("; ".join(filter(None, texts)) or None for texts in told),
        )  # fmt: skip


def _exercises(
    result: SubmissionResult, names: Iterable[str], known: Mapping[str, ExerciseResult]
) -> Iterable[_Row]:
    for one in result.exercises:
        earned = standing(one.checks)
        yield (
            one.exercise, one.section, one.optional, one.by_hand,
            None if earned.broken else shown(earned.points), shown(one.max_points),
            None if earned.broken else percent(earned.share), one.name or None, one.cell,
            one.mistake.title if one.mistake else None,
        )  # fmt: skip
    judged = {one.exercise for one in result.exercises}
    for name in names:
        points = points_of(result, name)
        if name in judged or points is None:
            continue
        like = known.get(name)  # what an exercise is worth stands in the results of others
        worth = like.max_points if like else None
        yield (
            name, like and like.section, like and like.optional, like and like.by_hand,
            shown(points), None if worth is None else shown(worth),
            percent(points / worth) if worth else None, None, None, None,
        )  # fmt: skip


def _checks(result: SubmissionResult) -> Iterable[_Row]:
    for check in (check for exercise in result.exercises for check in exercise.checks):
        example = check.counterexample
        yield (
            check.exercise, check.check, check.claim, str(check.verdict), check.verdict.pays,
            None if check.verdict.is_ours else shown(check.points), shown(check.max_points),
            check.seconds, check.message, example and example.call, example and example.got,
            example and example.expected, check.traceback or None,
        )  # fmt: skip


def _cells(result: SubmissionResult) -> Iterable[_Row]:
    for run in result.cells:
        yield run.index, run.status, run.seconds, run.error or None, run.line or None


def _answers(result: SubmissionResult) -> Iterable[_Row]:
    for one in result.answers:
        yield one.section, one.heading, one.cell, one.state, one.text


# ---- dtypes


def _frame(
    columns: Mapping[str, Any], rows: Sequence[_Row], exercise: pd.CategoricalDtype
) -> pd.DataFrame:
    """Build a frame whose columns have their dtypes also where it has no rows."""
    values = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return pd.DataFrame({
        name: _column(cells, exercise if kind == _EXERCISE else kind)
        for (name, kind), cells in zip(columns.items(), values, strict=True)
    })  # fmt: skip


def _column(cells: Iterable[Any], kind: Any) -> Any:
    clean = [without_surrogates(cell) if isinstance(cell, str) else cell for cell in cells]
    if kind != _TIME:
        return pd.Series(clean, dtype=kind)
    texts = pd.Series(clean, dtype=object)
    return pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601").dt.as_unit("us")
