"""A class with hostile names in the format of each system: from the download to every file.

Submissions are found as in a run and get made-up points; nothing is executed. Here: that names
and ids come through unharmed. Not here: the layouts themselves (`reading/test_layouts.py`).
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from fractions import Fraction

import openpyxl
import pytest

from grader.policy import Policy
from grader.reading.csv_file import parse_csv, read_csv
from grader.reading.roster import students_of
from grader.reading.submissions import find
from grader.report.delivery import Delivery
from grader.report.frames import frames_of
from grader.report.writers import write_run
from grader.runs.stored_run import StoredRun
from grader.verdict import Status

POLICY = Policy(
    due=datetime.fromisoformat("2026-03-14T23:59:00+09:00"), late="percent",
    percent_a_day=Fraction(10), bonus=("pool2d",), step=Fraction(1, 2),
)  # fmt: skip
# how a student is called, the id on the roster, and the student's own name for the file
CLASS = (
    ("=1+2", "00123", "a,b.ipynb"), ("<script>", "00124", "<b>.ipynb"),
    ("홍길동", "00125", "홍길동 (1).ipynb"), ("a,b\"c", "00126", "hw2.ipynb"),
    ("Müller", "1e5", "-1.ipynb"), ("@sum", "3-4", "report.pdf"),
)  # fmt: skip
ABSENT = ("+Zoe", "00999")
AT = "2026-03-16-10-00-00"  # two days late
LAYOUTS = {
    "Canvas": lambda n, name, own: f"{''.join(filter(str.isalnum, name)).lower()}_{n}_5{n}_{own}",
    "Moodle": lambda n, name, own: f"{name}_{n}_assignsubmission_file/{own}",
    "Moodle, flat": lambda n, name, own: f"{name}_{n}_assignsubmission_file_{own}",
    "Blackboard": lambda n, name, own: f"HW 2_{name}_attempt_{AT}_{own}",
    "Brightspace": lambda n, name, own: f"{n}-77 - {name} - Mar 16, 2026 1000 AM/{own}",
    "nbgrader": lambda n, name, own: f"submitted/{name}/hw2/{own}",
    "GitHub Classroom": lambda n, name, own: f"hw2-submissions/hw2-{name}/{own}",
    "folders": lambda n, name, own: f"cnn/{name}/{own}",
}
CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}


@pytest.fixture(params=LAYOUTS)
def delivered(request, tmp_path, make, exercise, check):
    """Deliver a class to Canvas and Moodle; return the folder and the two exported files."""
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for number, (name, _, own) in enumerate(CLASS, start=101):
            cells = [CELL | {"source": f"x = {name!r}"}]
            made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
            data = "%PDF" if own.endswith(".pdf") else json.dumps(made)
            archive.writestr(LAYOUTS[request.param](number, name, own), data)
        if request.param == "nbgrader":
            archive.writestr("gradebook.db", "")
    rows = [(100 + n, name, number) for n, (name, number, _) in enumerate(CLASS, start=1)]
    rows.append((199, *ABSENT))
    canvas = table(["Student", "ID", "SIS User ID", "SIS Login ID", "HW2 (1)", "Final Score"], [
        ["    Points Possible", "", "", "", "10.00", "(read only)"],
        *([name, n, number, f"user{n}", "", "1,5"] for n, name, number in rows),
    ])  # fmt: skip
    moodle = table(["Identifier", "Full name", "ID number", "Grade", "Maximum Grade", "Comments"], [
        [f"Participant {n}", name, number, "", "10.00", "=1+2"] for n, name, number in rows
    ])  # fmt: skip
    (tmp_path / "canvas.csv").write_bytes(canvas)
    (tmp_path / "moodle.csv").write_bytes(moodle)
    roster = students_of(parse_csv(table(["id", "name"], [[i, name] for _, name, i in rows])))
    found = find([tmp_path / "class.zip"], assignment="cnn", roster=roster)
    results = []
    for one in found.submissions:
        parts = [exercise(name, check(name, max_points=Fraction(10))) for name in POINTS]
        status = Status.UNREADABLE if one.problem else Status.GRADED
        results.append(make(one.student, *([] if one.problem else parts), status=status,
                            key=one.student, submission=one.path, problem=one.problem))  # fmt: skip
    run = StoredRun(
        tuple(results), "HW2", tuple(POINTS), Fraction(20), "", policy=POLICY, worth=POINTS,
        people={one.student: one.owner for one in found.submissions}, assignment="cnn",
        attendance=found.attendance,
    )  # fmt: skip
    out = tmp_path / "out"
    planned = Delivery.planned(
        out, canvas=tmp_path / "canvas.csv", column="HW2 (1)", moodle=tmp_path / "moodle.csv",
        feedback=True,
    )  # fmt: skip
    write_run(run, out)
    planned.write(run, out, frames_of(run))
    return out, request.param


POINTS = {"corr2d": Fraction(10), "pool2d": Fraction(10)}


def table(header, rows):
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows([header, *rows])
    return b"\xef\xbb\xbf" + file.getvalue().encode()


def test_every_student_of_the_roster_has_a_row_with_the_very_id(delivered):
    out, system = delivered
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["id"] for row in rows) == sorted(
        [number for _, number, _ in CLASS] + ["00999"]
    )
    assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@")]
    assert {row["adjusted_max_points"] for row in rows} == {"10"}
    late = "16" if system in ("Blackboard", "Brightspace") else "20"
    assert {row["adjusted_points"] for row in rows if row["status"] == "graded"} == {late}
    known = {one["roster"]["id"]: one["roster"]["name"]
             for one in json.loads((out / "grades.json").read_bytes())["submissions"]}  # fmt: skip
    assert known == {number: name for name, number, _ in CLASS} | {"00999": "+Zoe"}


def test_no_cell_of_the_workbook_is_a_formula_or_lost_a_zero(delivered):
    book = openpyxl.load_workbook(delivered[0] / "grades.xlsx")
    cells = [cell for sheet in book for row in sheet.rows for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    texts = {cell.value for cell in cells if cell.data_type == "s"}
    assert texts >= {text for name, number, _ in (*CLASS, (*ABSENT, "")) for text in (name, number)}


def test_an_exported_file_differs_in_the_column_of_grades_alone(delivered):
    out, system = delivered
    late = "16" if system in ("Blackboard", "Brightspace") else "20"
    for name, column, start in (("canvas.csv", 4, 2), ("moodle.csv", 3, 1)):
        before, after = read_csv(out.parent / name), read_csv(out / name)
        grades = [record.fields[column] for record in after.records[start:]]
        assert grades == [late] * 5 + ["0", "0"]
        for record in after.records[start:]:
            record.fields[column] = ""
        assert after.as_bytes() == before.as_bytes()


def test_feedback_has_a_page_of_a_safe_name_for_each_who_handed_in(delivered):
    with zipfile.ZipFile(delivered[0] / "feedback.zip") as archive:
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(CLASS)
        for name in names:
            assert name.endswith(".html")
            assert not set('<>:"|?*\\') & set(name)
            assert b"<script>alert" not in archive.read(name)
