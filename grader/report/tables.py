"""The tables of grades.csv and checks.csv, whose columns are part of the commands' contract.

All files with points take them from here or from the frames of the run: one row a submission, one
row a check, and for workbooks one row an exercise. In grades.csv the points of an exercise with a
broken check are open, an empty cell; the row of the broken check in checks.csv has 0 points.

Here: which columns, and whole points without a decimal point. Not here: dtypes (`frames.py`),
rounding (`rounding.py`), quoting (`csv_tables.py`).
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
ROSTER = ("id", "name", "section")
"""With a roster they follow the exercises: no column of a script moves."""
CHECKS = (
    *("student", "exercise", "check", "verdict"),
    *("points", "max_points", "seconds", "message"),
)
EXERCISES = (
    *("exercise", "section", "max_points", "judged", "all_points", "no_points", "open"),
    *("mean_points", "facility"),
)


def grades_table(frames: RunFrames) -> pd.DataFrame:
    """Tabulate submissions: the columns `GRADES`, the points of every exercise, then `ROSTER`."""
    submissions = frames.submissions
    points = submissions.iloc[:, len(SUBMISSIONS) :]
    names = frames.exercises["exercise"].cat.categories
    columns = [_plain(submissions[name]) for name in GRADES]
    columns += [_plain(points.iloc[:, place]) for place in range(len(names))]
    header = [*GRADES, *names]
    if len(frames.roster):
        columns += [_plain(frames.roster[name]) for name in ROSTER]
        header += ROSTER
    if frames.is_adjusted:
        columns += [_plain(submissions[name]) for name in ADJUSTED]
        header += ADJUSTED
    return _table(columns, header)


def posted_points(frames: RunFrames) -> list[Any]:
    """Return the points that are posted as grades, by submission: those after the policy.

    A decision of an instructor is in them too. None where points are open.
    """
    return _plain(frames.submissions["adjusted_points"])


def posted_maximum(frames: RunFrames) -> float | None:
    """Return of how many points most grades are, open ones included; None without any."""
    rows = frames.submissions
    worth = (rows["adjusted_max_points"] + rows["open_points"])[rows["adjusted_max_points"] > 0]
    return None if worth.empty else float(worth.mode().max())


def checks_table(frames: RunFrames) -> pd.DataFrame:
    """Tabulate checks: the columns `CHECKS`."""
    checks = frames.checks.assign(points=frames.checks["points"].fillna(0))
    seconds = checks["seconds"].round(3)
    columns = [_plain(checks[name]) for name in CHECKS]
    columns[CHECKS.index("seconds")] = seconds.tolist()  # 2.0 s: a measured number, not a count
    return _table(columns, list(CHECKS))


def exercises_table(frames: RunFrames) -> pd.DataFrame:
    """Tabulate exercises over the class: the columns `EXERCISES`, in the assignment's order.

    Who is absent does not count; `facility` is the mean share of the points.
    """
    judged = frames.exercises[frames.exercises["points"].notna()]
    rows = []
    for name in frames.exercises["exercise"].cat.categories:
        every = frames.exercises[frames.exercises["exercise"] == name]
        one = judged[judged["exercise"] == name]
        worth = one["max_points"].max()
        known = bool(len(one)) and not pd.isna(worth)
        rows.append((
            name, next(iter(every["section"].dropna()), ""), float(worth) if known else None,
            len(one), int((one["points"] >= one["max_points"]).sum()),
            int((one["points"] == 0).sum()), len(every) - len(one),
            round(float(one["points"].mean()), 2) if len(one) else None,
            round(float(one["points"].mean() / worth), 3) if known and worth else None,
        ))  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [()] * len(EXERCISES)
    return _table([_whole(list(column)) for column in columns], list(EXERCISES))


def _table(columns: list[list[Any]], names: list[str]) -> pd.DataFrame:
    # from rows: the name of an exercise may be that of a column, too
    return pd.DataFrame(list(zip(*columns, strict=True)), columns=names, dtype=object)


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Return the cells of a column as Python's own values, None for NA, whole numbers as ints."""
    cells = [None if pd.isna(cell) else cell for cell in column.tolist()]
    return _whole(
        [c.isoformat(timespec="seconds") if isinstance(c, pd.Timestamp) else c for c in cells]
    )


def _whole(cells: list[Any]) -> list[Any]:
    return [int(c) if isinstance(c, float) and c.is_integer() else c for c in cells]
