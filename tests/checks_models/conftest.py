"""A student of this process for one class, and the checks of the exercises on models."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.course import Exercise, load_assignment
from grader.grading.check_session import CheckSession
from grader.grading.in_process import grade_cells_in_process, grade_in_process, student_of
from grader.grading.right_parts import read_parts
from grader.kernel.student import Student
from grader.records import CheckResult

MODELS = [
    *("init_cnn", "LeNet", "vgg_block", "VGG", "Residual", "ResNet", "ResNet18", "layer_summary"),
]


@pytest.fixture
def student_with() -> Callable[[Callable[..., Any]], Student]:
    """Make a student whose notebook defines `Model`."""
    exercise = Exercise("Model", "", "", "class", ("Model",), False, Path())
    return lambda answer: student_of(exercise, answer)


@pytest.fixture(scope="session")
def session_of() -> Iterator[Callable[[str], tuple[CheckSession, Exercise]]]:
    """Return the session of all exercises on models, and one of them by name."""
    assignment = load_assignment("cnn").only(MODELS)
    by_name = {exercise.name: exercise for exercise in assignment.exercises}
    with CheckSession(assignment.exercises, course=assignment.course) as session:
        yield lambda name: (session, by_name[name])


@pytest.fixture
def grade_cells(session_of: Callable[..., Any]) -> Callable[..., list[CheckResult]]:
    """Run the checks of an exercise on the cells of a notebook.

    `asked` names the exercises of the run: by default those that it builds on too.
    """
    assignment = load_assignment("cnn")
    parts = read_parts(assignment)

    def run(exercise: str, *cells: str, asked: Collection[str] | None = None) -> list[CheckResult]:
        session, found = session_of(exercise)
        chosen = assignment.only([exercise, *(found.builds_on if asked is None else asked)])
        return grade_cells_in_process(session, chosen.exercises, parts, *cells)[exercise]

    return run


@pytest.fixture
def grade(session_of: Callable[..., Any]) -> Callable[..., list[CheckResult]]:
    """Run the checks of an exercise on an answer, beside others by name."""

    def run(exercise: str, answer: Callable[..., Any], **names: Any) -> list[CheckResult]:
        return grade_in_process(*session_of(exercise), answer, **names)

    return run
