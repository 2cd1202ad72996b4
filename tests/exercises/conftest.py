"""The checks of every assignment, collected once and run on answers of this process."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from grader.course import Assignment, load_assignment
from grader.grading.check_session import CheckSession
from grader.grading.in_process import grade_cells_in_process
from grader.grading.in_process import grade_in_process as grade
from grader.grading.right_parts import read_parts
from grader.records import CheckResult


@pytest.fixture(scope="session")
def assignment() -> Assignment:
    return load_assignment("cnn")


@pytest.fixture(scope="session")
def session(assignment: Assignment) -> Iterator[CheckSession]:
    course = assignment.course
    # a counterexample need not be the smallest here: what counts is who is caught
    with CheckSession(assignment.exercises, course=course, shrink_s=0.0) as session:
        yield session


@pytest.fixture
def grade_in_process(
    assignment: Assignment, session: CheckSession
) -> Callable[..., list[CheckResult]]:
    def run(exercise: str, answer: Callable[..., Any], **names: Any) -> list[CheckResult]:
        (found,) = assignment.only([exercise]).exercises
        return grade(session, found, answer, **names)

    return run


@pytest.fixture
def grade_cells(assignment: Assignment, session: CheckSession) -> Callable[..., list[CheckResult]]:
    """Run the checks of an exercise on the cells of a notebook.

    `asked` names the exercises of the run: by default those that it builds on too.
    """
    parts = read_parts(assignment)

    def run(exercise: str, *cells: str, asked: Collection[str] | None = None) -> list[CheckResult]:
        (found,) = assignment.only([exercise]).exercises
        chosen = assignment.only([exercise, *(found.builds_on if asked is None else asked)])
        return grade_cells_in_process(session, chosen.exercises, parts, *cells)[exercise]

    return run
