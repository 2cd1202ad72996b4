"""Grades into the files that a system exported: a Canvas gradebook, a Moodle worksheet.

One column is filled, the cells of the students that were matched. Headers and all other cells keep
their very text, the file its delimiter, byte order mark, line ends and decimal comma; students in
Canvas that are excused (`EX`) or not assigned (`N/A`) keep that, and so does a Moodle row whose
grade cannot be changed. A submission that is broken has no grade yet: its cell stays as it is. The
exported file itself is never written.

Here: which cell gets which text, and what to report. Not here: records and fields
(`reading/csv_file.py`), who is who (`reading/matching.py`), points (`tables.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from grader.errors import UsageError
from grader.reading.csv_file import CsvFile, Record, folded, raw_of, read_csv
from grader.reading.matching import Matcher, find_all
from grader.reading.roster import columns_of, students_of
from grader.records import UNNAMED, Identity, Listed
from grader.report.frames import RunFrames
from grader.report.tables import posted_maximum, posted_points
from grader.runs.stored_run import StoredRun
from grader.text import one_line
from grader.verdict import Status

Kind = Literal["Canvas", "Moodle"]
_ASSIGNMENT = re.compile(r".*\S.*\(\d+\)\s*")
_KEPT = {"ex", "excused", "n/a", "면제", "entschuldigt"}
_READ_ONLY = "(read only)"
_GRADE = {
    *("grade", "성적", "점수", "평점", "bewertung", "calificación", "note", "valutazione", "nota"),
    *("评分", "成绩", "評点", "оценка"),
}
_LOCKED = {"no", "아니오", "아니요", "nein", "non", "いいえ", "否"}
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_MOST_NAMED = 20


@dataclass(frozen=True)
class Sheet:
    """An exported file, and where in it grades go."""

    kind: Kind
    file: CsvFile
    header: int
    """Which record names the columns."""
    column: int
    students: Mapping[int, Listed]
    """Students by their records."""
    lock: int | None = None
    """The column that tells whether a grade can be changed, where there is one."""
    worth: str = ""
    """What the column says that the assignment is worth."""


@dataclass
class Filled:
    """A file with its grades, and what to know about it."""

    content: bytes
    written: int = 0
    replaced: int = 0
    """How many other grades stood there before."""
    notes: list[str] = field(default_factory=list)


# ---- where grades go


def canvas_sheet(path: Path, column: str) -> Sheet:
    """Read an exported Canvas gradebook and find the column of an assignment.

    Raises:
        UsageError: it is none, or no single column of that name can be filled.
    """
    file = read_csv(path)
    header = _header(file)
    names = file.records[header].values
    if "Canvas" not in columns_of(names):
        raise UsageError(
            f"{path} is no gradebook of Canvas: it has no columns `ID` and `SIS Login ID`. Export "
            "it from Grades and give it as it is."
        )
    place = _chosen(path, names, column)
    if any(_READ_ONLY in _at(one, place) for one in file.records[header + 1 :][:3]):
        raise UsageError(f"{path}: Canvas computes the column {names[place]!r}; choose another.")
    students = {one.row: one for one in students_of(file) if one.system_id}
    worth = next((_at(one, place) for one in file.records[header + 1 :]
                  if _at(one, 0).strip() == "Points Possible"), "")  # fmt: skip
    return Sheet("Canvas", file, header, place, students, worth=worth)


def moodle_sheet(path: Path) -> Sheet:
    """Read a Moodle grading worksheet and find its columns, in any language of the site.

    Raises:
        UsageError: it is none.
    """
    file = read_csv(path)
    header = _header(file)
    names = file.records[header].values
    rows = [one for one in file.records[header + 1 :] if not one.is_blank]
    numbers = [re.fullmatch(r".*?(\d+)\s*", _at(one, 0)) for one in rows]
    grade = _grade_column(names, rows)
    if not rows or not all(numbers) or grade is None:
        raise UsageError(
            f"{path} is no grading worksheet of Moodle: its first column numbers participants, and "
            "one column is called Grade. Download it from the assignment and give it as it is."
        )
    students = {}
    mails = next((i for i, _ in enumerate(names) if any("@" in _at(r, i) for r in rows)), None)
    for place, record in enumerate(file.records[header + 1 :], start=header + 1):
        if record.is_blank:
            continue
        number = re.fullmatch(r".*?(\d+)\s*", _at(record, 0))
        between = range(2, min(grade, len(names)))
        # an id number stands right after the name, where the worksheet has one
        ids = (
            [_at(record, 2)]
            if 2 in between and mails != 2 and re.search(r"\d", _at(record, 2))
            else []
        )
        logins = [_at(record, mails)] if mails is not None else []
        students[place] = Listed(
            place, tuple(filter(None, ids)), _at(record, 1), "", tuple(filter(None, logins)),
            "Moodle", number[1] if number else "",
        )  # fmt: skip
    lock = grade + 2 if grade + 2 < len(names) else None
    worth = _at(rows[0], grade + 1) if grade + 1 < len(names) else ""
    return Sheet("Moodle", file, header, grade, students, lock, worth)


def _header(file: CsvFile) -> int:
    for place, record in enumerate(file.records):
        if not record.is_blank:
            return place
    raise UsageError(f"{file.path} is empty; export it again.")


def _chosen(path: Path, names: Sequence[str], column: str) -> int:
    """Return the place of the column that was asked for: by its whole name, or all but the id."""
    wanted = folded(column)
    assignments = [name for name in names if _ASSIGNMENT.fullmatch(name)]
    found = [i for i, name in enumerate(names) if wanted and folded(name) == wanted]
    if not found:
        bare = [folded(re.sub(r"\s*\(\d+\)\s*$", "", name)) for name in names]
        found = [i for i, name in enumerate(names)
                 if wanted and bare[i] == wanted and name in assignments]  # fmt: skip
    if len(found) == 1 and names[found[0]] in assignments:
        return found[0]
    if len(found) > 1:
        raise UsageError(f"{path} has {len(found)} columns {column!r}; give its id: 'HW (1234)'.")
    near = get_close_matches(column, assignments, n=3, cutoff=0.3) or assignments[:8]
    has = ", ".join(f"{one_line(name, limit=80)!r}" for name in near) or "none of an assignment"
    said = f"has no column {column!r}" if column else "needs --column, one of its assignments"
    raise UsageError(f"{path} {said}; it has {has}. A column that is not there is never made.")


def _grade_column(names: Sequence[str], rows: Sequence[Record]) -> int | None:
    """Return the place of the grade: by its name, or before the column of the maximum grade."""
    named = [i for i, name in enumerate(names) if folded(name) in _GRADE]
    if len(named) == 1:
        return named[0]
    for place in range(2, len(names) - 2):
        worth = {_at(row, place + 1) for row in rows}
        words = {_at(row, place + 2) for row in rows}
        grades = [_at(row, place) for row in rows]
        one_number = len(worth) == 1 and _NUMBER.fullmatch(next(iter(worth)))
        two_words = len(words) <= 2 and all(w and not re.search(r"\d", w) for w in words)
        if one_number and two_words and all(not g or _NUMBER.fullmatch(g) for g in grades):
            return place
    return None


def _at(record: Record, place: int) -> str:
    values = record.values
    return values[place] if place < len(values) else ""


# ---- filling


def fill(sheet: Sheet, run: StoredRun, frames: RunFrames) -> Filled:
    """Write the points of a run, after its policy, into the cells of its students."""
    points = posted_points(frames)
    matcher = Matcher(list(sheet.students.values()))
    filled = Filled(b"")
    comma = _has_decimal_comma(sheet)
    rows: dict[int, tuple[str, object]] = {}
    lost, doubled, broken, kept = [], [], [], []
    for number, result in enumerate((*run.results, *run.absent)):
        name = one_line(result.student, limit=60)
        found = find_all(matcher, result.student, _identity(run, number))
        if not found:
            lost += [] if result.status is Status.ABSENT else [name]
        for match in found:
            if match.row in rows:  # which of them counts, only the roster can tell
                doubled += [name, rows[match.row][0]]
                rows[match.row] = (name, None)
            elif result.status is Status.BROKEN or points[number] is None:
                broken.append(name)
                rows[match.row] = (name, None)
            else:
                rows[match.row] = (name, points[number])
    for row in sorted(rows):
        name, earned = rows[row]
        record = sheet.file.records[row]
        before = _at(record, sheet.column).strip()
        if earned is None:
            continue
        if before.casefold() in _KEPT or (
            sheet.lock is not None and folded(_at(record, sheet.lock)) in _LOCKED
        ):
            kept.append(name)
            continue
        text = _spelled(earned, comma=comma)
        filled.written += 1
        if before and not _is_same(before, text):
            filled.replaced += 1
        if not _is_same(before, text):
            _put(record, sheet, text)
    others = [
        one_line(one.name, limit=60) for row, one in sheet.students.items() if row not in rows
    ]
    filled.content = sheet.file.as_bytes()
    filled.notes = [
        f"{sheet.kind}: {filled.written} grades written"
        + (f", {filled.replaced} in place of others" if filled.replaced else ""),
        *_listed("in no row of it, not written", lost),
        *_listed("two submissions for one row, not written", list(dict.fromkeys(doubled))),
        *_listed("broken, so their cells stay as they are", broken),
        *_listed("excused, not assigned or locked, kept", kept),
        *_listed("students of it without a submission, left as they are", others),
        *_other_worth(sheet, posted_maximum(frames)),
    ]
    return filled


def _identity(run: StoredRun, number: int) -> Identity:
    if number < len(run.results):
        return run.people.get(run.results[number].key, UNNAMED)
    assert run.attendance is not None
    return Identity(listed=run.attendance.absent[number - len(run.results)])


def _put(record: Record, sheet: Sheet, text: str) -> None:
    while len(record.fields) <= sheet.column:
        record.fields.append("")
    raw = raw_of(text, sheet.file.delimiter)
    quoted = record.fields[sheet.column].startswith('"') and not raw.startswith('"')
    record.fields[sheet.column] = f'"{raw}"' if quoted else raw


def _spelled(points: object, *, comma: bool) -> str:
    text = str(points)
    return text.replace(".", ",") if comma else text


def _is_same(before: str, text: str) -> bool:
    """Return whether a cell says the same number already: `10.00` and `10`."""
    try:
        return float(before.replace(",", ".")) == float(text.replace(",", "."))
    except ValueError:
        return False


def _has_decimal_comma(sheet: Sheet) -> bool:
    """Return whether the file writes 1,5: by its numbers, and without any, by its semicolons."""
    cells = [
        value.strip() for one in sheet.file.records[sheet.header + 1 :] for value in one.values
    ]
    commas = sum(bool(re.fullmatch(r"-?\d+,\d{1,5}", cell)) for cell in cells)
    points = sum(bool(re.fullmatch(r"-?\d+\.\d{1,5}", cell)) for cell in cells)
    if commas == points:
        return sheet.file.delimiter == ";"
    return commas > points


def _listed(label: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return [f"  {label} ({len(names)}): {', '.join(names[:_MOST_NAMED])}{more}"]


def _other_worth(sheet: Sheet, worth: float | None) -> list[str]:
    found = _NUMBER.fullmatch(sheet.worth.strip())
    if not found or worth is None or float(found[0].replace(",", ".")) == worth:
        return []
    return [
        f"  it is worth {found[0]} in {sheet.kind} and {worth:g} here; the points "
        "are written as they are"
    ]
