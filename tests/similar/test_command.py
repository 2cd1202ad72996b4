"""`grader similar` reads submissions or a gradebook, and writes a page and a table."""

from __future__ import annotations

from fractions import Fraction

import pytest

from grader.course import load_assignment
from grader.errors import CourseError, UsageError
from grader.records import CheckResult, ExerciseResult, SubmissionResult
from grader.report.comparison import write_comparison
from grader.report.similar import write_similar
from grader.report.writers import write_run
from grader.runs.comparison import Change, Comparison
from grader.runs.gradebook import Gradebook
from grader.runs.stored_run import GRADEBOOK, latest
from grader.similar.gather import book_prints, given_code, stored_code, submitted_code
from grader.similar.pairs import compare, fingerprints
from grader.similar.shape import shape_of
from grader.verdict import Status, Verdict
from tests.similar.test_pairs import OTHER, OWN, RENAMED

HOSTILE = "<script>alert(1)</script>"


def test_all_code_cells_of_submissions_are_compared(tmp_path, write_notebook):
    for student, source in (("ann", OWN), ("bob", RENAMED), ("cem", OTHER)):
        write_notebook(tmp_path / student / "hw.ipynb", "x = 1", source)
    code = submitted_code([tmp_path], "cnn")
    assert sorted(code) == ["ann", "bob", "cem"]
    assert len(compare(code).pairs) == 1


def test_without_submissions_the_judged_code_of_the_gradebook_is_compared(tmp_path):
    check = CheckResult("pool2d", "values", "", Verdict.PASSED, Fraction(1), Fraction(1))
    with Gradebook.open(tmp_path / GRADEBOOK) as gradebook:
        run = gradebook.start_run("cnn")
        for student, source in (("ann", OWN), ("bob", RENAMED)):
            pool = ExerciseResult("pool2d", "Pooling", "7.5", False, (check,), source=source)
            gradebook.save(
                SubmissionResult(student, student, "a", "cnn", Status.GRADED, (pool, pool)), run
            )
    assert compare(stored_code(tmp_path)).pairs[0].score > 0.8


def test_no_readable_submission_is_said(tmp_path):
    (tmp_path / "hw.ipynb").write_text("{")
    with pytest.raises(UsageError, match="no submission could be read"):
        submitted_code([tmp_path], "cnn")


def test_right_answers_of_the_course_and_the_books_code_do_not_count():
    cnn = load_assignment("cnn")
    given = given_code(cnn)
    assert len(given) > 20
    assert len(book_prints(cnn)) > 1_000
    parts = (cnn.folder / "parts.py").read_text()
    both = {"ann": shape_of([parts]), "bob": shape_of([parts])}
    assert compare(both).pairs
    assert compare(both, given).pairs == ()
    assert compare(both, book=fingerprints(both["ann"])).pairs == ()


def test_a_line_that_is_no_fingerprint_is_named(tmp_path, write_course):
    assignment = load_assignment(write_course(tmp_path, {"add": ""}))
    (assignment.folder / "given_code.txt").write_text("# head\nxyz\n")
    with pytest.raises(CourseError, match=r"given_code\.txt"):
        book_prints(assignment)


def test_strange_names_and_code_do_nothing_on_the_page(tmp_path):
    source = f"{OWN}\nname = '{HOSTILE}'\n"
    code = {HOSTILE: shape_of([source]), "=1+2": shape_of([source])}
    page, table = write_similar(compare(code), code, tmp_path, assignment=HOSTILE)
    assert HOSTILE not in page.read_text()
    assert "&lt;script&gt;" in page.read_text()
    assert "'=1+2" in table.read_text()


def test_the_pages_of_pairs_and_of_changes_lead_to_the_feedback_of_each_student(tmp_path):
    code = {name: shape_of([OWN]) for name in ("ann", "홍길동", HOSTILE)}
    with Gradebook.open(tmp_path / GRADEBOOK) as gradebook:
        run = gradebook.start_run("cnn")
        for name in code:
            gradebook.save(SubmissionResult(name, name, "a", "cnn", Status.GRADED, ()), run)
    page, _ = write_similar(compare(code), code, tmp_path)
    assert "feedback/" not in page.read_text()  # no pages are written yet
    write_run(latest(tmp_path), tmp_path)
    page, _ = write_similar(compare(code), code, tmp_path)
    assert '<a href="feedback/ann.html"><bdi>ann</bdi></a>' in page.read_text()
    assert 'href="feedback/%ED%99%8D%EA%B8%B8%EB%8F%99.html"' in page.read_text()
    assert HOSTILE not in page.read_text()
    change = Change("ann", Fraction(1), Fraction(2), ("x",), (), None)
    page = write_comparison(Comparison(1, 2, (change,), 0), tmp_path)
    assert '<a href="feedback/ann.html"><bdi>ann</bdi></a>' in page.read_text()
