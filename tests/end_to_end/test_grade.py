"""`grader grade`, `report`, and what lies in the out folder, on one small class."""

import csv
import json
import re
import shutil
import sqlite3
import zipfile
from contextlib import closing
from typing import NamedTuple

import pytest

HOSTILE = """
import os, signal
for path in ("/etc/passwd", "../../bea/hw2.ipynb", os.path.expanduser("~/x")):
    try: open(path, "w").write("mine")
    except OSError: pass
try: os.kill(1, signal.SIGKILL); os.kill(-1, signal.SIGKILL)
except OSError: pass
def corr2d(X, K): os._exit(0)
"""
GRADES = ["student", "submission", "status", "points", "max_points", "percent", "corr2d"]
CHECKS = [
    *("student", "exercise", "check", "verdict"),
    *("points", "max_points", "seconds", "message"),
]


class Class(NamedTuple):
    """A class that was graded: its folder, the command's arguments, what was printed."""

    folder: object
    args: tuple
    printed: object

    def rows(self, name, out="out"):
        with (self.folder / out / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def stored(out):
    with closing(sqlite3.connect(out / "gradebook.sqlite")) as db:
        rows = db.execute("SELECT student, record FROM results ORDER BY student").fetchall()
    return {student: json.loads(record) for student, record in rows}


@pytest.fixture(scope="module")
def graded(tmp_path_factory, write_notebook, honest, grader) -> Class:
    folder = tmp_path_factory.mktemp("class")
    write_notebook(folder / "cnn" / "ann" / "hw2.ipynb", honest)
    write_notebook(folder / "cnn" / "bea" / "hw2.ipynb", honest.replace("* K", "* K.flip(0, 1)"))
    write_notebook(folder / "cnn" / "cleo" / "hw2.ipynb", HOSTILE)
    (folder / "cnn" / "dan").mkdir()
    (folder / "cnn" / "dan" / "hw2.ipynb").write_bytes(b"")
    inner = write_notebook(folder / "inner.ipynb", honest)
    with zipfile.ZipFile(folder / "lms.zip", "w") as archive:
        archive.write(inner, "이순신_100123_200456_hw2.ipynb")
        archive.write(inner, "roedana_LATE_100124_200457_hw2-1.ipynb")
    inner.unlink()
    args = ("grade", "cnn", "lms.zip", "--only", "corr2d", "--out", "out")
    return Class(folder, args, grader(*args, "--jobs", "2", cwd=folder))


def test_every_file_handed_in_has_a_row(graded):
    found = {(row["student"], row["status"], row["points"]) for row in graded.rows("grades.csv")}
    assert found == {
        ("ann", "graded", "10"),
        ("bea", "graded", "3"),
        ("cleo", "graded", "0"),
        ("dan", "unreadable", "0"),
        ("이순신", "graded", "10"),
        ("roedana", "graded", "10"),
    }
    assert graded.printed.code == 0


def test_the_columns_are_those_scripts_rely_on(graded):
    assert list(graded.rows("grades.csv")[0]) == GRADES
    assert list(graded.rows("checks.csv")[0]) == CHECKS
    assert {row["max_points"] for row in graded.rows("grades.csv")} == {"10"}
    assert {row["exercise"] for row in graded.rows("checks.csv")} == {"corr2d"}


def test_a_check_row_holds_the_smallest_counterexample(graded):
    rows = [row for row in graded.rows("checks.csv") if row["student"] == "bea"]
    verdicts = {row["check"]: row["verdict"] for row in rows}
    assert verdicts["test_example_from_the_book"] == "failed"
    assert verdicts["test_keeps_fractions"] == "passed"
    assert verdicts["test_any_sizes"] == "skipped"
    (message,) = (row["message"] for row in rows if "square_images" in row["check"])
    assert "is wrong at" in message


def test_a_hostile_neighbour_harms_nobody(graded):
    rows = [row for row in graded.rows("checks.csv") if row["student"] == "cleo"]
    assert {row["verdict"] for row in rows} == {"raised", "skipped"}
    original = json.loads((graded.folder / "cnn" / "bea" / "hw2.ipynb").read_text())
    assert "flip" in original["cells"][0]["source"]


def test_results_go_to_stdout_and_progress_to_stderr(graded):
    _, out, err = graded.printed
    assert "0 stored before, 4 graded: 4 new. 2 more have the content of one of these" in out
    assert "6 submissions; reports in" in out
    assert "ann" in out
    assert re.search(r"^longest: (ann|bea|cleo|이순신|roedana), \d+ s$", out, re.MULTILINE)
    assert "[6/6]" in err
    assert "[6/6]" not in out
    assert "submissions; reports" not in err
    assert len(err.strip().splitlines()) == 6


def test_the_pages_are_written_one_for_each_student(graded):
    pages = {path.name for path in (graded.folder / "out" / "feedback").iterdir()}
    students = ("ann", "bea", "cleo", "dan", "이순신", "roedana")
    assert pages == {f"{student}.html" for student in students}
    assert "true convolution" in (graded.folder / "out" / "feedback" / "bea.html").read_text(
        encoding="utf-8"
    )
    report = (graded.folder / "out" / "report.html").read_text(encoding="utf-8")
    assert all(student in report for student in students)


def test_the_same_command_again_grades_nothing(graded, grader):
    before = stored(graded.folder / "out")
    code, out, err = grader(*graded.args, "--quiet", "--strict", cwd=graded.folder)
    assert (code, out, err) == (1, "", "")  # --strict: bea failed
    assert stored(graded.folder / "out") == before


def test_a_report_is_rendered_again_from_what_is_stored(graded, grader):
    before = graded.rows("grades.csv")
    for name in ("grades.csv", "report.html"):
        (graded.folder / "out" / name).unlink()
    code, out, _ = grader("report", "--out", "out", cwd=graded.folder)
    assert code == 0
    assert [line.rsplit("/")[-1] for line in out.split()] == [
        "grades.csv", "checks.csv", "report.html",
    ]  # fmt: skip
    assert graded.rows("grades.csv") == before


def test_fresh_without_walls_and_with_another_seed_says_so(graded, grader):
    args = ("grade", "cnn/ann/hw2.ipynb", "--only", "corr2d", "--out", "other", "--strict")
    options = ("--isolation", "process", "--seed", "7", "--fresh", "--jobs", "1")
    code, out, _ = grader(*args, *options, cwd=graded.folder)
    assert code == 0
    assert "1 submission; reports in" in out
    (result,) = stored(graded.folder / "other").values()
    assert (result["facts"]["isolation"], result["facts"]["seed"]) == ("process", "7")


def test_stored_grades_go_back_to_the_system_that_collected_them(graded, grader):
    folder = graded.folder
    shutil.copytree(folder / "out", folder / "sent")  # others read what lies in `out`
    (folder / "students.csv").write_bytes(
        "학번;이름;분반\r\n00123;이순신;A\r\n00124;Dana Roe;B\r\n00125;zoe;B\r\n".encode("cp949")
    )
    text = (
        "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,HW2 (1234)\r\n"
        "    Points Possible,,,,,10.00\r\n이순신,100123,00123,x,A,\r\n"
        '"Roe, Dana",100124,,y,B,EX\r\n'
        "zoe,100125,00125,z,B,\r\n"
    )
    (folder / "canvas.csv").write_bytes(text.encode())
    args = ("--roster", "students.csv", "--canvas", "canvas.csv", "--column", "HW2 (1234)")
    code, out, _ = grader("report", "--out", "sent", *args, "--feedback-zip", cwd=folder)
    assert code == 0
    assert "roster: 2 of 3 handed in, 1 nothing" in out
    assert "excused, not assigned or locked, kept (1): roedana" in out
    expected = text.replace("00123,x,A,", "00123,x,A,10").replace("00125,z,B,", "00125,z,B,0")
    assert (folder / "sent" / "canvas.csv").read_bytes() == expected.encode()
    assert (folder / "canvas.csv").read_bytes() == text.encode()
    rows = {row["student"]: row for row in graded.rows("grades.csv", "sent")}
    assert list(rows["ann"])[-3:] == ["id", "name", "section"]
    assert (rows["이순신"]["id"], rows["이순신"]["section"]) == ("00123", "A")
    assert (rows["zoe"]["status"], rows["zoe"]["points"]) == ("absent", "0")
    with zipfile.ZipFile(folder / "sent" / "feedback.zip") as archive:
        names = set(archive.namelist())
    assert {"이순신_100123_200456_hw2.html", "roedana_LATE_100124_200457_hw2-1.html"} <= names
