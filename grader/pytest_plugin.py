"""`pytest exercises/cnn/corr2d --submission hw2.ipynb`: an exercise's checks on one notebook.

For instructors who debug checks, with everything pytest offers. Not here: grading
(`grading/check_session.py`), the `student` fixture and the hooks (`grading/check_plugin.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from grader.course import Course, load_assignment, load_course
from grader.errors import GraderError, UsageError
from grader.grading.check_plugin import CheckPlugin
from grader.grading.open_notebook import OpenNotebook
from grader.kernel.processes import WarmParent
from grader.kernel.student import Student
from grader.reading.submissions import find_submissions
from grader.records import DEFAULT_SEED, Limits


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--submission`, for debugging checks."""
    parser.addoption("--submission", type=Path, help="a notebook to run the checks on")


def pytest_configure(config: pytest.Config) -> None:
    """Grade the notebook that was given with `--submission`."""
    path = config.getoption("--submission", None)
    plugin = _OneSubmission(path) if path else CheckPlugin()
    config.pluginmanager.register(plugin, "grader-checks")


class _OneSubmission(CheckPlugin):
    """The checks of one run of pytest, all on one notebook."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._open = ExitStack()
        self._notebook: Any = None

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Any:
        """Return the student, with the candidate for the exercise of this test."""
        if self._notebook is None:
            self._notebook = self._run_once(load_course(request.path.parent))
        return self._notebook.student_for(request.path.parent)

    def pytest_unconfigure(self) -> None:
        """End the notebook's kernel."""
        self._open.close()

    def _run_once(self, course: Course) -> Any:
        """Run the notebook, in the sandbox, and keep its kernel for all checks."""
        try:
            return self._open.enter_context(_opened(self._path, course))
        except GraderError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@contextmanager
def _opened(path: Path, course: Course) -> Iterator[Any]:
    """Run a notebook once for `pytest --submission`; checks of any exercise may ask it."""
    (submission,) = find_submissions([path], assignment="")
    if submission.problem:
        raise UsageError(f"{path}: {submission.problem}")

    class Notebook:
        def __init__(self, notebook: OpenNotebook) -> None:
            self._notebook = notebook

        def student_for(self, folder: Path) -> Student:
            assignment = load_assignment(folder.parent)
            (exercise,) = assignment.only([folder.name]).exercises
            found = self._notebook.candidates(exercise)
            return self._notebook.student(exercise, found[-1] if found else None)

    warm = WarmParent(environment=course.environment)
    try:
        warm.wait()
        with OpenNotebook(submission, warm, Limits(), DEFAULT_SEED, course=course) as notebook:
            yield Notebook(notebook)
    finally:
        warm.close()
