"""grades.json: everything a program may want to know of a run, in a documented, versioned form.

The classes below are the schema: `GradesFile` is the whole file, and `msgspec.json.schema` of it is
a JSON Schema. `version` grows when a field changes its meaning or goes; new fields may come at any
time. A check is written as check50 writes one: `passed` is true, false, or null where it was not
asked or broke (`verdict` says which); `cause` says why it is false; `log` holds the message.

Points are those of grades.csv, null where a broken check leaves them open. Texts are as they were
handed in: this is data, and not safe to paste into a page or a spreadsheet.

Here: the schema and filling it. Not here: points (`frames.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import pandas as pd

from grader.records import UNNAMED, CheckResult, SubmissionResult
from grader.report.frames import ROSTER, SUBMISSIONS, RunFrames
from grader.report.rounding import Number
from grader.runs.stored_run import StoredRun
from grader.text import without_surrogates
from grader.verdict import Verdict

SCHEMA: Literal["notebook-grader/grades"] = "notebook-grader/grades"
VERSION = 1


@dataclass(frozen=True)
class Cause:
    """Why a check did not pass."""

    rationale: str
    help: str | None = None
    """What to try."""
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class CheckEntry:
    """One check of one exercise."""

    name: str
    exercise: str
    description: str
    passed: bool | None
    verdict: str
    points: Number | None
    max_points: Number
    log: list[str] = field(default_factory=list)
    cause: Cause | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """`seconds`, and `call`: the smallest input on which the answer is wrong."""
    dependency: str | None = None


@dataclass(frozen=True)
class RosterEntry:
    """Who it is, as the roster says."""

    id: str | None
    name: str | None
    section: str | None


@dataclass(frozen=True)
class SubmissionEntry:
    """What one student handed in, or that it was nothing."""

    student: str
    submission: str
    status: str
    points: Number | None
    max_points: Number
    open_points: Number
    percent: Number | None
    exercises: dict[str, Number | None]
    """Points by exercise."""
    roster: RosterEntry | None
    lms: dict[str, str]
    """`system`, `id` and `name` of the student in the system that collected it, where one did."""
    earlier: list[str]
    """What was handed in before and does not count."""
    notes: list[str]
    problem: str | None
    seconds: float
    finished_at: str | None
    results: list[CheckEntry]
    adjusted_points: Number | None
    """After the policy; the same as `points` without one."""
    adjusted_max_points: Number | None
    handed_in_at: str | None
    """UTC, ISO 8601."""
    days_late: int | None
    adjustments: str | None
    """Why adjusted points differ, and what an instructor decided."""


@dataclass(frozen=True)
class ExerciseEntry:
    """One exercise of the assignment."""

    name: str
    title: str
    section: str
    optional: bool
    max_points: Number | None


@dataclass(frozen=True)
class GradesFile:
    """The whole file."""

    schema: Literal["notebook-grader/grades"]
    version: int
    assignment: str
    title: str
    started_at: str
    """UTC, ISO 8601."""
    max_points: Number
    exercises: list[ExerciseEntry]
    submissions: list[SubmissionEntry]
    passed_over: list[dict[str, str]]
    roster_notes: list[str]


def grades_json(run: StoredRun, frames: RunFrames) -> bytes:
    """Return the content of grades.json."""
    file = _file(run, frames)
    try:
        return msgspec.json.encode(file) + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, in some name of a file
        return msgspec.json.encode(_clean(msgspec.to_builtins(file))) + b"\n"


def _file(run: StoredRun, frames: RunFrames) -> GradesFile:
    results = (*run.results, *run.absent)
    names = [str(name) for name in frames.exercises["exercise"].cat.categories]
    points = frames.submissions.iloc[:, len(SUBMISSIONS) :]
    checks = _by_number(frames.checks[["number", "points", "max_points"]])
    roster = {row[0]: row[3:] for row in _rows(frames.roster[list(ROSTER)])}
    made = []
    adjusted = _rows(frames.submissions[_ADJUSTED])
    rows = zip(results, _rows(frames.submissions[_TOTALS]), _rows(points), adjusted, strict=True)
    for number, (result, total, earned, ruled) in enumerate(rows):
        identity = run.people.get(result.key, UNNAMED)
        who = {"system": identity.system, "id": identity.id, "name": identity.name}
        made.append(SubmissionEntry(
            result.student, result.submission, str(result.status),
            total[0], total[1] or 0, total[2] or 0, total[3],
            dict(zip(names, earned, strict=True)),
            RosterEntry(*roster[number]) if number in roster else None,
            who if identity.system else {}, list(identity.earlier),
            [*result.notes, *result.run_notes], result.problem or None, result.seconds,
            result.finished_at or None, _checks(result, checks.get(number, [])), *ruled,
        ))  # fmt: skip
    return GradesFile(
        SCHEMA, VERSION, run.assignment, run.title, run.started_at,
        _number(float(run.max_points)) or 0, _exercises(run, names), made,
        [{"name": one.name, "reason": one.reason} for one in run.passed_over],
        list(run.attendance.notes) if run.attendance else [],
    )  # fmt: skip


_ADJUSTED = [
    *("adjusted_points", "adjusted_max_points", "handed_in_at", "days_late", "adjustments"),
]
_TOTALS = ["points", "max_points", "open_points", "percent"]


def _checks(result: SubmissionResult, points: list[tuple[Any, ...]]) -> list[CheckEntry]:
    checks = [check for exercise in result.exercises for check in exercise.checks]
    return [
        CheckEntry(
            check.check, check.exercise, check.claim, _passed(check), str(check.verdict),
            earned, worth or 0, [check.message] if check.message else [], _cause(check),
            {"seconds": check.seconds, **_call(check)},
        )
        for check, (_, earned, worth) in zip(checks, points, strict=True)
    ]  # fmt: skip


def _passed(check: CheckResult) -> bool | None:
    if check.verdict is Verdict.SKIPPED or check.verdict.is_ours:
        return None
    return check.verdict is Verdict.PASSED


def _cause(check: CheckResult) -> Cause | None:
    if not check.verdict.is_wrong:
        return None
    example = check.counterexample
    rationale = check.message or check.verdict.words
    if example is None:
        return Cause(rationale, check.hint or None)
    return Cause(rationale, check.hint or None, example.expected or None, example.got or None)


def _call(check: CheckResult) -> dict[str, str]:
    return {"call": check.counterexample.call} if check.counterexample else {}


def _exercises(run: StoredRun, names: list[str]) -> list[ExerciseEntry]:
    known = {one.exercise: one for result in reversed(run.results) for one in result.exercises}
    made = []
    for name in names:
        one = known.get(name)
        worth = None if one is None else _number(float(one.max_points))
        made.append(ExerciseEntry(
            name, one.title if one else name, one.section if one else "",
            bool(one and one.optional), worth,
        ))  # fmt: skip
    return made


def _by_number(frame: pd.DataFrame) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in _rows(frame):
        found.setdefault(row[0], []).append(row)
    return found


def _rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows of a frame as Python's own values, None for NA, whole numbers as ints."""
    columns = [frame.iloc[:, place].tolist() for place in range(frame.shape[1])]
    cells = ([_number(cell) for cell in column] for column in columns)
    rows = list(zip(*cells, strict=True))
    return rows if columns else [()] * len(frame)


def _number(cell: Any) -> Any:
    if cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, pd.Timestamp):
        return cell.isoformat()
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _clean(value: Any) -> Any:
    """Replace lone surrogates, which JSON cannot hold."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value
