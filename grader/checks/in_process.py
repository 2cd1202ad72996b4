"""Checks on functions of this process: for the tests of a course, and for the self-check.

The answers are ours or the caller's own, so no sandbox is needed; everything else is as in
earnest: the same guest, the same bytes, the same checks. Never used on a stranger's code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.checks.session import CheckSession
from grader.kernel.connection import LocalConnection
from grader.kernel.facts import Captured
from grader.kernel.guest import Guest
from grader.kernel.recorder import Recorder
from grader.kernel.student import Student
from grader.records import CheckResult
from grader.settings import Exercise


def student_of(exercise: Exercise, answer: Callable[..., Any], **names: Any) -> Student:
    """Make a student of this process.

    Args:
        exercise: what the answer is for.
        answer: the function or class to be judged; for an exercise on values, a function without
            arguments that returns the names and values its cell binds, in order.
        names: what else the notebook defines.
    """
    recorder = Recorder({})
    recorder.begin(0, "")
    bound = answer() if exercise.kind == "values" else {exercise.name: answer}
    for name, value in {**names, **bound}.items():
        recorder.namespace[name] = value
        recorder.statement_done((name,))
    definitions = {
        d.name: Captured(d.number, d.name, d.cell, d.kind, imported=False)
        for d in recorder.definitions
    }
    return Student(LocalConnection(Guest(recorder)), definitions, answer=exercise.name)


def grade_in_process(
    session: CheckSession, exercise: Exercise, answer: Callable[..., Any], **names: Any
) -> list[CheckResult]:
    """Run the checks of an exercise on an answer of this process."""
    return session.run(exercise, student_of(exercise, answer, **names))
