"""A fault of ours can be found: logs are quiet until asked for, and tracebacks are stored."""

from __future__ import annotations

import ast
import io
import logging
import sqlite3
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grader
from grader.errors import traceback_of
from grader.records import CheckResult, ExerciseResult, SubmissionResult
from grader.runs import logs
from grader.runs.gradebook import Gradebook
from grader.runs.progress import progress
from grader.verdict import Status, Verdict

PACKAGE = Path(grader.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
BESIDE_STUDENT_CODE = ("guest", "wire", "sandbox")
ESCAPE = "\x1b[2J\u202eevil\x07"


@pytest.fixture
def printed(capsys, monkeypatch):
    """Returns what was printed to stderr; the logger of the package is put back afterwards."""
    logger = logging.getLogger("grader")
    before = logger.handlers[:], logger.propagate, logger.level
    monkeypatch.delenv("GRADER_VERBOSE", raising=False)
    yield lambda: capsys.readouterr().err
    logger.handlers[:], logger.propagate = before[:2]
    logger.setLevel(before[2])


def broken(name: str = "kim") -> SubmissionResult:
    check = CheckResult(
        "add", "test_it", "It adds.", Verdict.BROKEN, Fraction(0), Fraction(2),
        traceback="Traceback of a check",
    )  # fmt: skip
    return SubmissionResult(
        "key", name, "kim.ipynb", "small", Status.BROKEN,
        (ExerciseResult("add", "Add", "1", False, (check,)),), traceback="Traceback of a run",
    )  # fmt: skip


def test_nothing_is_logged_unless_asked_for(printed):
    logs.configure(verbose=False)
    logging.getLogger("grader.grading.grader").error("something broke")
    assert printed() == ""


def test_with_verbose_everything_is_logged_and_the_next_command_is_quiet_again(printed):
    logs.configure(verbose=True)
    logging.getLogger("grader.runs.pipeline").debug("%d to grade", 3)
    assert printed().endswith("grader.runs.pipeline: 3 to grade\n")
    logs.configure(verbose=False)
    logging.getLogger("grader.runs.pipeline").error("more")
    assert printed() == ""


def test_a_worker_logs_where_the_command_that_started_it_does(printed):
    logs.configure(verbose=True)
    logs.configure_worker()
    logging.getLogger("grader.grading").debug("from a worker")
    assert printed().count("from a worker") == 1


def test_no_escape_sequence_of_a_student_reaches_the_terminal_by_the_log(printed):
    logs.configure(verbose=True)
    try:
        raise ValueError(ESCAPE)
    except ValueError:
        logging.getLogger("grader.grading").exception("%s is broken", ESCAPE)
    shown = printed() + logs.tracebacks_of([broken(ESCAPE)])
    assert "evil" in shown
    assert not set("\x1b\x07\u202e") & set(shown)


def test_tracebacks_stand_below_the_place_they_belong_to():
    assert logs.tracebacks_of([broken(), replace(broken("lee"), traceback="", exercises=())]) == (
        "kim:\nTraceback of a run\nkim, add, test_it:\nTraceback of a check"
    )


def test_a_log_gets_plain_lines_of_progress_on_a_terminal_too(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    with progress(1, quiet=False, live=False) as show:
        assert show._bar is None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_logs_under_its_own_name_and_nothing_logs_beside_student_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    ]
    if path.relative_to(PACKAGE).parts[0] in BESIDE_STUDENT_CODE:
        assert "logging" not in imported
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger":
            assert ast.unparse(node.args[0]) in ("__name__", "'grader'")


# ---- tracebacks


def nested(depth: int, message: str) -> None:
    if depth:
        nested(depth - 1, message)
    raise ZeroDivisionError(message)


def traceback_with(message: str, depth: int = 0, **bound: int) -> str:
    try:
        nested(depth, message)
    except ZeroDivisionError as error:
        return traceback_of(error, **bound)
    raise AssertionError


@given(st.text(max_size=3000), st.integers(0, 60), st.integers(300, 4_000))
def test_a_traceback_is_bounded_whatever_the_message(message, depth, limit):
    assert len(traceback_with(message, depth, limit=limit)) <= limit


def test_a_long_message_does_not_push_out_where_the_error_came_from():
    text = traceback_with("x" * 100_000)
    assert "in nested" in text
    assert "ZeroDivisionError: xxx" in text
    assert "more characters" in text


def test_of_a_deep_traceback_both_ends_are_kept():
    text = traceback_with("by zero", depth=900, limit=600)
    assert text.startswith("Traceback (most recent call last)")
    assert text.endswith("ZeroDivisionError: by zero")


def test_tracebacks_come_back_from_the_gradebook(tmp_path):
    with Gradebook.open(tmp_path / "gradebook.sqlite") as book:
        run = book.start_run("small")
        book.save(broken(), run)
        (found,) = book.results_of(run)
    assert found == broken()


def test_a_record_stored_before_there_were_tracebacks_is_read_still(tmp_path):
    plain = replace(broken(), traceback="", status=Status.PARTIAL)
    with Gradebook.open(tmp_path / "gradebook.sqlite") as book:
        run = book.start_run("small")
        book.save(plain, run)
    connection = sqlite3.connect(book.path)
    with connection:
        connection.execute(
            "UPDATE results SET record = json_remove(record, '$.traceback', '$.inputs', "
            "'$.exercises[0].checks[0].traceback')"
        )
        (record,) = connection.execute("SELECT record FROM results").fetchone()
    connection.close()
    assert "traceback" not in record
    with Gradebook.open(tmp_path / "gradebook.sqlite") as book:
        (found,) = book.results_of(run)
    assert (found.traceback, found.exercises[0].checks[0].traceback) == ("", "")
