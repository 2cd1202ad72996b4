"""`--verbose` shows the log and where an internal error came from; without it there is neither."""

import os
import subprocess
import sys

import pytest

import grader

TRUSTING = """
@check(points=2)
def test_first(student):
    "The first number is 1."
    assert student.ones(3)[0] == 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("broken")


@pytest.fixture(scope="module")
def handed_in(folder, write_course, write_notebook):
    """Return a notebook whose answer breaks the check, and the options for its course."""
    course = write_course(folder, {"ones": TRUSTING})
    write_notebook(folder / "kim.ipynb", "def ones(n): return 5")
    return "kim.ipynb", "--assignment", course


@pytest.fixture(scope="module")
def run(folder, handed_in):
    """Run a command on that notebook."""

    def command(name, *args):
        return subprocess.run(
            [sys.executable, "-m", "grader", name, *handed_in, *args],
            cwd=folder, capture_output=True, encoding="utf-8", check=False,
            env={key: value for key, value in os.environ.items() if key != "GRADER_VERBOSE"}
            | {"COLUMNS": "100"},
        )  # fmt: skip

    return command


@pytest.fixture(scope="module")
def graded(run):
    return run("grade", "--out", "out", "--verbose", "--jobs", "1")


def test_check_shows_the_traceback_of_a_broken_check_with_verbose_only(
    run, check_here, handed_in, folder, monkeypatch
):
    monkeypatch.chdir(folder)
    quiet, verbose = check_here(*handed_in), run("check", "--verbose")
    assert quiet.code == verbose.returncode == 3
    assert quiet.out == verbose.stdout
    assert quiet.err == ""
    assert "test_ones.py" in verbose.stderr
    assert "TypeError" in verbose.stderr
    assert "grader.kernel.processes: warm process" in verbose.stderr


def test_a_check_that_breaks_ends_with_3_and_costs_no_points(graded, folder):
    assert graded.returncode == 3
    (row,) = (folder / "out" / "grades.csv").read_text().splitlines()[1:]
    assert row == "kim,kim.ipynb,broken,,0,,"


def test_grade_logs_its_workers_and_keeps_the_traceback_for_the_frames(graded, folder):
    for words in ("grader.runs.scheduling: worker", "grader.grading.grader:", "TypeError"):
        assert words in graded.stderr
    loaded = grader.load(folder / "out")
    assert "test_ones.py" in loaded.checks["traceback"][0]
    for path in (folder / "out").rglob("*"):
        if path.suffix in (".html", ".csv"):
            assert "Traceback" not in path.read_text(encoding="utf-8"), path.name
