"""The tables of grades.csv and checks.csv, whose columns are part of the commands' contract.

Both are derived from the frames of the run: one row a submission, one row a check. In grades.csv
the points of an exercise with a broken check are open, an empty cell; the row of the broken check
in checks.csv has 0 points.

Here: which columns, and whole points without a decimal point. Not here: dtypes (`frames.py`),
rounding (`rounding.py`), quoting and files (`writers.py`).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from grader.report.frames import SUBMISSIONS, RunFrames

GRADES = ("student", "submission", "status", "points", "max_points", "percent")
ADJUSTED = (
    *("adjusted_points", "adjusted_max_points", "adjusted_percent"),
    *("handed_in_at", "days_late", "adjustments"),
)
"""After the exercises, where a policy or an instructor's decision changes points."""
CHECKS = (
    *("student", "exercise", "check", "verdict"),
    *("points", "max_points", "seconds", "message"),
)


def grades_table(frames: RunFrames) -> pd.DataFrame:
    """Tabulate submissions: the columns `GRADES`, then the points of every exercise."""
    submissions = frames.submissions
    points = submissions.iloc[:, len(SUBMISSIONS) :]
    names = frames.exercises["exercise"].cat.categories
    columns = [_plain(submissions[name]) for name in GRADES]
    columns += [_plain(points.iloc[:, place]) for place in range(len(names))]
    if not frames.is_adjusted:
        return _table(columns, [*GRADES, *names])
    columns += [_plain(submissions[name]) for name in ADJUSTED]
    return _table(columns, [*GRADES, *names, *ADJUSTED])


def checks_table(frames: RunFrames) -> pd.DataFrame:
    """Tabulate checks: the columns `CHECKS`."""
    checks = frames.checks.assign(points=frames.checks["points"].fillna(0))
    seconds = checks["seconds"].round(3)
    columns = [_plain(checks[name]) for name in CHECKS]
    columns[CHECKS.index("seconds")] = seconds.tolist()  # 2.0 s: a measured number, not a count
    return _table(columns, list(CHECKS))


def _table(columns: list[list[Any]], names: list[str]) -> pd.DataFrame:
    # from rows: the name of an exercise may be that of a column, too
    return pd.DataFrame(list(zip(*columns, strict=True)), columns=names, dtype=object)


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Return the cells of a column as Python's own values, None for NA, whole numbers as ints."""
    cells = [None if pd.isna(cell) else cell for cell in column.tolist()]
    cells = [c.isoformat(timespec="seconds") if isinstance(c, pd.Timestamp) else c for c in cells]
    return [int(c) if isinstance(c, float) and c.is_integer() else c for c in cells]
