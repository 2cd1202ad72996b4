"""Points given by hand, as CSV: a table of all written answers, and the same table filled in.

A row is a written answer, or another exercise as a whole: `student, exercise, item, points,
max_points, comment`; other columns are not read. A row without points and comment is passed over,
and one that repeats what is stored changes nothing.

Not here: the web page (`app.py`).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pandas as pd

from grader.errors import UsageError
from grader.reading.csv_file import folded, read_csv
from grader.report.csv_tables import as_csv
from grader.serve.desk import Desk
from grader.serve.views import points_from

COLUMNS = ("student", "exercise", "item", "points", "max_points", "comment", "text")


def answer_table(desk: Desk) -> str:
    """Return every written answer with its points so far, as CSV."""
    rows = []
    for progress in desk.progress():
        key = progress.question.key
        for row in desk.graded(key):
            answer = row.answer
            rows.append((
                answer.student, answer.exercise, key,
                "" if row.points is None else str(float(row.points.points or 0)),
                "" if progress.worth is None else str(float(progress.worth)),
                row.comment.text if row.comment else "", answer.text,
            ))  # fmt: skip
    return as_csv(pd.DataFrame(rows, columns=list(COLUMNS)))


def read_points(desk: Desk, path: Path, who: str) -> tuple[int, list[str]]:
    """Store the points and comments of a CSV file as decisions.

    Args:
        desk: the gradebook.
        path: the file; rows of written answers have an `item`, the question, and rows of other
            exercises have the points of the whole exercise.
        who: name of the instructor.

    Returns:
        How many rows changed something, and a sentence for each row that was passed over.

    Raises:
        UsageError: the file cannot be read, or lacks a column.
    """
    changed, passed_over = 0, []
    for line, row in enumerate(_rows(path), start=2):
        try:
            changed += _store(desk, row, who)
        except UsageError as error:
            passed_over.append(f"line {line}: {error}")
    return changed, passed_over


def _rows(path: Path) -> list[dict[str, str]]:
    records = [one.values for one in read_csv(path).records if not one.is_blank]
    names = [folded(name) for name in records[0]] if records else []
    missing = {"student", "exercise", "points"} - set(names)
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(sorted(missing))}; it needs the columns of the "
            "answers.csv that `grader serve` gives."
        )
    return [dict.fromkeys(names, "") | dict(zip(names, row, strict=False)) for row in records[1:]]


def _store(desk: Desk, row: dict[str, str], who: str) -> bool:
    """Store one row; return whether it changed anything."""
    student, exercise, item = (
        _plain(row.get(name, "")).strip() for name in ("student", "exercise", "item")
    )
    text, comment = row["points"].strip().replace(",", "."), _plain(row.get("comment", "")).strip()
    points = points_from(text) if text else None
    if points is None and not comment:
        return False
    found = next(
        (one for one in desk.settled(student).result.exercises if one.exercise == exercise), None
    )
    if found is None:
        raise UsageError(f"{student} has no exercise {exercise!r}.")
    if found.by_hand:
        return _store_answer(desk, student, item, points, comment, row, who)
    now = found.points
    if points is not None and points != now:
        desk.decide(
            student, "override", exercise=exercise, points=points, who=who,
            text=comment or "points from a table",
        )  # fmt: skip
    elif comment:
        desk.decide(student, "comment", exercise=exercise, text=comment, who=who)
    return True


def _store_answer(
    desk: Desk, student: str, item: str, points: Fraction | None, comment: str,
    row: dict[str, str], who: str,
) -> bool:  # fmt: skip
    found = next((one for one in desk.graded(item) if one.answer.student == student), None)
    if found is None:
        raise UsageError(f"{student} has no answer to {item!r}.")
    held = found.points.points if found.points else None
    said = found.comment.text if found.comment else ""
    if points in (None, held) and comment == said:
        return False
    if points is None:
        raise UsageError("a comment on an answer needs its points as well.")
    most = row.get("max_points", "").strip().replace(",", ".")
    if most and desk.worth(item) is None:
        desk.set_worth(item, points_from(most))
    desk.grade(
        item, found.place, items=(), points=points, comment=comment, after=found.latest, who=who
    )
    return True


def _plain(text: str) -> str:
    """Take off the apostrophe that `as_csv` puts before what a spreadsheet would run."""
    return (
        text[1:] if text[:1] == "'" and text[1:].lstrip()[:1] in tuple("=+-@\t＝＋－＠") else text
    )
