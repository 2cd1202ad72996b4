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

from grader.decisions import in_force
from grader.errors import UsageError
from grader.reading.csv_file import folded, read_csv
from grader.records import ExerciseResult
from grader.report.csv_tables import as_csv
from grader.report.rounding import shown
from grader.serve.desk import Desk
from grader.serve.views import points_from
from grader.text import one_line

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
    for number, row in _rows(path):
        try:
            changed += _store(desk, row, who)
        except UsageError as error:
            passed_over.append(f"row {number}: {error}")
    return changed, passed_over


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows below the header, each with its number as a spreadsheet shows it."""
    records = [(at, one.values) for at, one in enumerate(read_csv(path).records, start=1)
               if not one.is_blank]  # fmt: skip
    names = [folded(name) for name in records[0][1]] if records else []
    missing = {"student", "exercise", "points"} - set(names)
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(sorted(missing))}; it needs the columns of the "
            "answers.csv that `grader serve` gives."
        )
    return [(at, dict.fromkeys(names, "") | dict(zip(names, row, strict=False)))
            for at, row in records[1:]]  # fmt: skip


def _store(desk: Desk, row: dict[str, str], who: str) -> bool:
    """Store one row; return whether it changed anything."""
    student, exercise, item = (
        _plain(row.get(name, "")).strip() for name in ("student", "exercise", "item")
    )
    text, comment = row["points"].strip().replace(",", "."), _plain(row.get("comment", "")).strip()
    points = points_from(text) if text else None
    if points is None and not comment:
        return False
    if student not in desk.work.results:
        raise UsageError(
            f"{one_line(student, limit=60)!r} is no student with work in this run; take the name "
            "from the column `student` of grades.csv."
        )
    found = next(
        (one for one in desk.settled(student).result.exercises if one.exercise == exercise), None
    )
    if found is None:
        raise UsageError(
            f"{one_line(student, limit=60)} has no exercise {one_line(exercise, limit=60)!r}."
        )
    if found.by_hand:
        return _store_answer(desk, student, item, points, comment, row, who)
    return _store_exercise(desk, student, found, points, comment, who)


def _store_exercise(
    desk: Desk, student: str, found: ExerciseResult, points: Fraction | None, comment: str, who: str
) -> bool:
    if points is not None and points > found.max_points > 0:
        raise UsageError(
            f"{float(points):g} points are more than the {float(found.max_points):g} that "
            f"{found.exercise} is worth; `grader serve` sets more than that."
        )
    texts = {
        one.text
        for one in in_force(desk.decisions())
        if one.subject == (student, found.exercise, "")
    }
    if points is not None and not _is_same(points, found.points):
        desk.decide(
            student, "override", exercise=found.exercise, points=points, who=who,
            text=comment or "points from a table",
        )  # fmt: skip
    elif comment and comment not in texts:  # the reason of an override is a comment already
        desk.decide(student, "comment", exercise=found.exercise, text=comment, who=who)
    else:
        return False
    return True


def _is_same(points: Fraction, held: Fraction) -> bool:
    """Return whether a table says what is held already; tables show two decimals of a third."""
    return points == held or float(points) in (float(held), float(shown(held)))


def _store_answer(
    desk: Desk, student: str, item: str, points: Fraction | None, comment: str,
    row: dict[str, str], who: str,
) -> bool:  # fmt: skip
    found = next((one for one in desk.graded(item) if one.answer.student == student), None)
    if found is None:
        raise UsageError(f"{student} has no answer to {item!r}.")
    held = found.points.points if found.points else None
    same = points is None or (held is not None and _is_same(points, held))
    if same and comment == (found.comment.text if found.comment else ""):
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
