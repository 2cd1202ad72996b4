"""A course of one exercise, asked of functions of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.course import Exercise, load_assignment
from grader.grading.check_session import CheckSession
from grader.grading.in_process import grade_in_process, student_of
from grader.grading.sheets import SheetCache
from grader.kernel.student import Student
from grader.records import CheckResult


@dataclass
class Course:
    """One open session over one exercise named `answer`."""

    session: CheckSession
    exercise: Exercise

    def grade(self, answer: Callable[..., Any], **names: Any) -> dict[str, CheckResult]:
        """Run the checks on a function; results by the check's name, in order."""
        results = grade_in_process(self.session, self.exercise, answer, **names)
        return {result.check: result for result in results}

    def student(self, answer: Callable[..., Any]) -> Student:
        """Make a student whose `answer` is that function."""
        return student_of(self.exercise, answer)


@pytest.fixture
def course(tmp_path: Path, write_course: Callable[..., Path]) -> Iterator[Callable[..., Course]]:
    """Open a session over the text of some checks; `bank` is the text of their bank."""
    with ExitStack() as stack:

        def opened(
            checks: str, more: str = "", assignment: str = "", bank: str = "",
            cache: SheetCache | None = None,
        ) -> Course:  # fmt: skip
            folder = write_course(tmp_path, {"answer": (checks, more)}, assignment)
            if bank:
                (folder / "answer" / "bank.py").write_text(bank)
            loaded = load_assignment(folder)
            session = CheckSession(
                loaded.exercises, course=loaded.course, shrink_s=5.0, cache=cache
            )
            return Course(stack.enter_context(session), loaded.exercises[0])

        yield opened
