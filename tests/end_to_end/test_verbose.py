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


@pytest.fixture
def run(tmp_path, write_course, write_notebook):
    """Run a command on a notebook whose answer breaks the check."""
    folder = write_course(tmp_path, {"ones": TRUSTING})
    notebook = write_notebook(tmp_path / "kim.ipynb", "def ones(n): return 5")

    def command(*args):
        return subprocess.run(
            [sys.executable, "-m", "grader", args[0], notebook, "--assignment", folder, *args[1:]],
            cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
            env={key: value for key, value in os.environ.items() if key != "GRADER_VERBOSE"},
        )  # fmt: skip

    return command


def test_check_shows_the_traceback_of_a_broken_check_with_verbose_only(run):
    quiet, verbose = run("check"), run("check", "--verbose")
    assert quiet.returncode == verbose.returncode == 3
    assert quiet.stdout == verbose.stdout
    assert quiet.stderr == ""
    assert "test_ones.py" in verbose.stderr
    assert "TypeError" in verbose.stderr
    assert "grader.kernel.processes: warm process" in verbose.stderr


def test_grade_logs_its_workers_and_keeps_the_traceback_for_the_frames(run, tmp_path):
    done = run("grade", "--out", "out", "--verbose", "--jobs", "1")
    assert done.returncode == 3
    for words in ("grader.runs.scheduling: worker", "grader.grading.grader:", "TypeError"):
        assert words in done.stderr
    loaded = grader.load(tmp_path / "out")
    assert "test_ones.py" in loaded.checks["traceback"][0]
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix in (".html", ".csv"):
            assert "Traceback" not in path.read_text(encoding="utf-8"), path.name
