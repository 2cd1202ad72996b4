"""The gradebook keeps what it was given, through crashes, other files and strange text."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.records import (
    CellRun,
    CheckResult,
    Counterexample,
    ExerciseResult,
    LossCurve,
    NamedMistake,
    SubmissionResult,
    WrittenAnswer,
)
from grader.runs import gradebook_schema
from grader.runs.gradebook import Gradebook
from grader.verdict import Status, Verdict

CHECK = CheckResult(
    "corr2d", "test_values", "Any image.", Verdict.FAILED, Fraction(3, 2), Fraction(6), 0.5,
    "wrong at (0, 0)", "Work it out by hand.", Counterexample("corr2d(x)", "0", "1", "(0, 0)"),
)  # fmt: skip
EXERCISE = ExerciseResult(
    "corr2d", "Cross-correlation", "7.2", False, (CHECK,), name="corr2d", cell=4,
    source="def corr2d(X, K): ...", other_cells=(9,), mistake=NamedMistake("flipped", "Look."),
)  # fmt: skip
RESULT = SubmissionResult(
    "k1", "kim", "cnn/kim/hw.ipynb", "cnn", Status.PARTIAL, (EXERCISE,),
    (CellRun(2, "raised", 0.1, "NameError: x", 3),), (WrittenAnswer("7.2", "Notes", 5, "text"),),
    curves=(LossCurve(9, (2.3, None, 0.5)),), notes=("3 cells without an id",),
    finished_at="2024-10-10T00:00:00+00:00", facts={"device": "cpu"},
)  # fmt: skip


@pytest.fixture
def book(tmp_path):
    with Gradebook.open(tmp_path / "out" / "gradebook.sqlite") as made:
        yield made


def test_a_result_comes_back_as_it_was_saved(book):
    book.save(RESULT, book.start_run("cnn"))
    assert book.find("k1") == RESULT


def test_an_unknown_key_is_none_and_an_empty_gradebook_has_no_run(book):
    assert book.find("nothing") is None
    assert book.latest_run() is None


def test_a_broken_result_is_stored_but_never_found_again(book):
    run = book.start_run("cnn")
    book.save(replace(RESULT, status=Status.BROKEN), run)
    assert book.find("k1") is None
    assert [result.status for result in book.results_of(run)] == [Status.BROKEN]


def test_a_result_of_the_same_inputs_is_found_for_another_student(book):
    run = book.start_run("cnn")
    book.save(replace(RESULT, key="abc-1"), run)
    book.save(replace(RESULT, key="abd-2", student="lee"), run)
    book.save(replace(RESULT, key="abe-3", status=Status.BROKEN), run)
    assert book.find_alike("abc").key == "abc-1"
    assert book.find_alike("abd").student == "lee"
    assert book.find_alike("ab") is book.find_alike("abe") is book.find_alike("x") is None


def test_the_result_that_a_student_had_last_is_found_by_name(book):
    run = book.start_run("cnn")
    for key in ("b", "a"):
        book.save(replace(RESULT, key=key, inputs={"seed": key}), run)
    book.save(replace(RESULT, key="c", student="lee"), run)
    assert book.previous("kim", "cnn").inputs == {"seed": "a"}
    assert book.previous("kim", "rnn") is book.previous("mo", "cnn") is None


def test_no_statement_needs_more_than_sqlite_3_31(book):
    statements = []
    book._connection.set_trace_callback(statements.append)
    run = book.start_run("cnn", keys=["a"])
    book.save(RESULT, run)
    book.reuse("k1", run)
    for ask in (book.find, book.find_alike):
        ask("k1")
    book.previous("kim", "cnn")
    book.results_of(run)
    schema = [sql for group in gradebook_schema._MIGRATIONS for sql in group]
    newer = re.compile(
        r"\b(returning|sqlite_schema|strict|iif|->|drop column|materialized)\b", re.I
    )
    assert len(statements) > 8
    assert not [sql for sql in (*statements, *schema) if newer.search(sql)]


def test_a_secret_is_that_of_one_gradebook_and_kept_with_it(book, tmp_path):
    with Gradebook.open(book.path) as opened_by_another_run:
        assert book.secret() == opened_by_another_run.secret() == book.secret()
    with Gradebook.open(tmp_path / "another" / "gradebook.sqlite") as another:
        assert another.secret() != book.secret()


def test_results_come_in_the_order_submissions_were_listed_not_finished(book):
    run = book.start_run("cnn", keys=["a", "b", "c"])
    for key in ("c", "extra", "a"):
        book.save(replace(RESULT, key=key), run)
    assert [result.key for result in book.results_of(run)] == ["a", "c", "extra"]


def test_grading_under_another_key_keeps_the_old_result(book):
    first, second = book.start_run("cnn"), book.start_run("cnn")
    book.save(RESULT, first)
    book.save(replace(RESULT, key="k2", status=Status.GRADED), second)
    assert [result.key for result in book.results_of(first)] == ["k1"]
    assert book.latest_run() == second


def test_a_stored_result_can_be_counted_to_a_later_run(book):
    book.save(RESULT, book.start_run("cnn"))
    later = book.start_run("cnn")
    book.reuse("k1", later)
    assert book.results_of(later) == [RESULT]


def test_a_run_remembers_what_was_asked_for(book):
    run = book.run(book.start_run("cnn", keys=["a"], options={"seed": "3"}, started_at="now"))
    assert (run.assignment, run.options, run.keys, run.started_at) == (
        "cnn", {"seed": "3"}, ("a",), "now",
    )  # fmt: skip


def test_the_view_answers_questions_about_checks(book):
    book.save(RESULT, book.start_run("cnn"))
    with sqlite3.connect(book.path) as connection:
        rows = connection.execute(
            'SELECT student, exercise, "check", verdict, points, max_points, mistake FROM checks'
        ).fetchall()
    connection.close()
    assert rows == [("kim", "corr2d", "test_values", "failed", 1.5, 6.0, "flipped")]


def test_points_of_a_broken_check_are_left_out_of_the_columns(book):
    broken = replace(EXERCISE, checks=(CHECK, replace(CHECK, verdict=Verdict.BROKEN)))
    book.save(replace(RESULT, exercises=(broken,)), book.start_run("cnn"))
    with sqlite3.connect(book.path) as connection:
        row = connection.execute("SELECT points, max_points FROM results").fetchone()
    connection.close()
    assert row == (1.5, 6.0)


@pytest.mark.parametrize("content", [b"student,points\nkim,3\n", b"SQLite format 3\0" + b"x" * 99])
def test_a_file_that_is_no_gradebook_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "grades.sqlite"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no gradebook"):
        Gradebook.open(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine(x)")
    connection.close()
    with pytest.raises(UsageError, match="is no gradebook"):
        Gradebook.open(path)


def test_a_gradebook_of_a_newer_grader_is_refused(tmp_path):
    path = tmp_path / "gradebook.sqlite"
    Gradebook.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(UsageError, match="newer grader"):
        Gradebook.open(path)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot open the gradebook"):
        Gradebook.open(tmp_path)


def test_a_run_that_does_not_exist_is_named(book):
    with pytest.raises(UsageError, match="holds no run 7"):
        book.results_of(7)
    with pytest.raises(UsageError, match="no such run"):
        book.save(RESULT, 7)
    assert book.find("k1") is None


def test_a_record_of_another_form_is_graded_again(book):
    book.save(RESULT, book.start_run("cnn"))
    connection = sqlite3.connect(book.path)
    connection.execute("UPDATE results SET record = '{}'")
    connection.commit()
    connection.close()
    assert book.find("k1") is None
    with pytest.raises(UsageError, match="grade again"):
        book.results_of(1)


def test_what_was_saved_survives_a_kill(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from grader.runs.gradebook import Gradebook\n"
        "from grader.records import SubmissionResult; from grader.verdict import Status\n"
        "book = Gradebook.open(Path(sys.argv[1])); run = book.start_run('cnn')\n"
        "book.save(SubmissionResult('k', 'kim', 'p', 'cnn', Status.GRADED), run)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "gradebook.sqlite"
    ended = subprocess.run([sys.executable, "-c", script, path], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    with Gradebook.open(path) as book:
        assert book.find("k") is not None


@settings(deadline=None, max_examples=30)
@given(st.text(st.characters(codec=None)), st.fractions(), st.floats())
def test_any_text_can_be_stored(tmp_path_factory, text, points, seconds):
    check = replace(CHECK, message=text, points=points, seconds=seconds)
    result = replace(RESULT, student=text, exercises=(replace(EXERCISE, checks=(check,)),))
    path = tmp_path_factory.getbasetemp() / "any.sqlite"
    with Gradebook.open(path) as book:
        book.save(result, book.start_run("cnn"))
        found = book.find("k1")
    assert found is not None
    assert len(found.student) == len(text)
    assert found.exercises[0].checks[0].points == points
