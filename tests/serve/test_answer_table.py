"""Points go out as CSV, are filled in anywhere, and come back as decisions."""

from __future__ import annotations

import csv
import io
from fractions import Fraction

import pytest

from grader.errors import UsageError
from grader.serve.answer_table import COLUMNS, answer_table, read_points

KEY = "7.2"


def rows(desk):
    return list(csv.DictReader(io.StringIO(answer_table(desk))))


def write(path, lines, delimiter=","):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(COLUMNS), delimiter=delimiter, restval="")
        writer.writeheader()
        writer.writerows(lines)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_points_that_were_filled_in_become_decisions_of_that_person(desk, tmp_path, delimiter):
    lines = rows(desk)
    assert {line["student"] for line in lines[:2]} == {"ada", "'=1+2"}  # similar answers
    assert {line["student"] for line in lines[2:]} == {
        "bora", "<script>document.title='hit'</script>",
    }  # fmt: skip
    for line in lines[:2]:
        line |= {"points": "2,5", "max_points": "4", "comment": "=Good"}
    path = write(tmp_path / "points.csv", lines, delimiter)
    assert read_points(desk, path, "ta") == (2, [])
    first, second, third, _ = desk.graded(KEY)
    assert (first.points.points, first.comment.text) == (Fraction(5, 2), "=Good")
    assert {first.answer.student, second.answer.student} == {"ada", "=1+2"}
    assert second.points.points == Fraction(5, 2)
    assert third.points is None


def test_reading_the_same_table_again_changes_nothing(desk, tmp_path):
    desk.set_worth(KEY, Fraction(4))
    lines = rows(desk)
    lines[0]["points"] = "3"
    path = write(tmp_path / "points.csv", lines)
    assert read_points(desk, path, "ta")[0] == 1
    assert read_points(desk, path, "ta")[0] == 0
    assert read_points(desk, write(tmp_path / "again.csv", rows(desk)), "ta")[0] == 0


def test_points_of_an_exercise_override_those_of_its_checks(desk, tmp_path):
    line = {"student": "ada", "exercise": "corr2d", "points": "3", "comment": "half of it"}
    assert read_points(desk, write(tmp_path / "p.csv", [line]), "ta") == (1, [])
    assert desk.settled("ada").result.points == 3


def test_rows_that_fit_nobody_are_named_and_the_others_are_read(desk, tmp_path):
    lines = [
        {"student": "nobody", "exercise": "corr2d", "points": "1"},
        {"student": "ada", "exercise": "pool2d", "points": "1"},
        {"student": "ada", "exercise": "corr2d", "points": "many"},
        {"student": "ada", "exercise": "corr2d", "points": "1"},
    ]
    changed, passed_over = read_points(desk, write(tmp_path / "p.csv", lines), "ta")
    assert changed == 1
    assert [one.partition(":")[0] for one in passed_over] == ["row 2", "row 3", "row 4"]


@pytest.mark.parametrize(
    ("content", "named"), [(b"a,b\n1,2\n", "no column"), (b"\xff\xfe\x00", "no column")]
)
def test_a_file_that_is_no_such_table_is_refused(desk, tmp_path, content, named):
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=named):
        read_points(desk, path, "ta")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("head", ["", "sep=;\r\n"])
def test_a_table_that_excel_saved_is_read(desk, tmp_path, encoding, head):
    path = tmp_path / "points.csv"
    exercise = rows(desk)[0]["exercise"]
    table = "Student;Exercise;Item;Points;Max_Points;Comment\r\n"
    table += f'ada;{exercise};{KEY};2,5;4;"잘했다; 정말"\r\n\r\n'
    path.write_bytes((head + table).encode(encoding))
    assert read_points(desk, path, "ta") == (1, [])
    (ada,) = [row for row in desk.graded(KEY) if row.answer.student == "ada"]
    assert ada.points.points == Fraction(5, 2)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04rest", b"\xff\xfe"])
def test_a_table_without_its_columns_is_refused_with_the_remedy(desk, tmp_path, content):
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"answers\.csv|save it as CSV"):
        read_points(desk, path, "ta")


def test_points_of_exercises_that_are_read_again_change_nothing(desk, tmp_path):
    lines = [
        {"student": "ada", "exercise": "corr2d", "points": "3", "comment": "half of it"},
        {"student": "bora", "exercise": "corr2d", "points": "4"},
        {"student": "bora", "exercise": "corr2d", "comment": "well done"},
        {"student": "'=1+2", "exercise": "corr2d", "points": "1/3"},
    ]
    path = write(tmp_path / "p.csv", lines)
    assert read_points(desk, path, "ta") == (3, [])
    decided = len(desk.decisions())
    assert read_points(desk, path, "ta") == (0, [])
    lines[3]["points"] = "0.33"  # as grades.csv shows a third
    assert read_points(desk, write(path, lines), "ta") == (0, [])
    assert len(desk.decisions()) == decided


def test_a_row_that_cannot_be_used_is_named_as_a_spreadsheet_numbers_it(desk, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(
        'student,exercise,points,comment\n\nada,corr2d,3,"two\nlines"\n\nzoe,corr2d,1,\n'
        "ada,corr2d,40,\nada,pool2d,1,\n",
        encoding="utf-8",
    )
    changed, passed_over = read_points(desk, path, "ta")
    assert changed == 1
    zoe, many, unknown = passed_over
    assert zoe.startswith("row 5: 'zoe' is no student with work in this run; take the name from")
    assert many.startswith("row 6: 40 points are more than the 4 that corr2d is worth")
    assert unknown == "row 7: ada has no exercise 'pool2d'."
