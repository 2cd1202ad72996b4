"""Checks on functions of this process: for the tests of a course, and for the self-check.

The answers are ours or the caller's own, so no sandbox is needed; everything else is as in
earnest: the same guest, the same bytes, the same checks. Never used on a stranger's code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from grader.course import Exercise
from grader.grading.check_session import CheckSession
from grader.guest.recorder import HOOK, Recorder, StatementReporter
from grader.guest.server import Guest
from grader.kernel.connection import LocalConnection
from grader.kernel.observations import Captured
from grader.kernel.student import Student
from grader.records import DEFAULT_SEED, CheckResult
from grader.sandbox.policy import GUEST_LIBRARY


def student_of(
    exercise: Exercise, answer: Callable[..., Any], *, seed: int = DEFAULT_SEED,
    asked: Collection[str] | None = None, **names: Any,
) -> Student:  # fmt: skip
    """Make a student of this process.

    Args:
        exercise: what the answer is for.
        answer: the function or class to be judged; for an exercise on values, a function without
            arguments that returns the names and values its cell binds, in order, or the sources
            of a notebook's cells.
        seed: of random numbers and of drawn data.
        asked: the exercises of the run; None for all.
        names: what else the notebook defines.
    """
    recorder = Recorder({})
    recorder.begin(0, "")
    bound = answer() if exercise.kind == "values" else {exercise.name: answer}
    if isinstance(bound, tuple):
        _run(recorder, bound, seed)
        bound = {}
    for name, value in {**names, **bound}.items():
        recorder.namespace[name] = value
        recorder.statement_done((name,))
    return _student(recorder, exercise, seed, asked)


def student_of_cells(
    exercise: Exercise, *cells: str, seed: int = DEFAULT_SEED, asked: Collection[str] | None = None
) -> Student:
    """Make a student of this process whose notebook is some cells."""
    recorder = Recorder({})
    _run(recorder, cells, seed)
    return _student(recorder, exercise, seed, asked)


def _student(
    recorder: Recorder, exercise: Exercise, seed: int, asked: Collection[str] | None
) -> Student:
    definitions = {
        d.name: Captured(d.number, d.name, d.cell, d.kind, imported=False)
        for d in recorder.definitions
    }
    connection = LocalConnection(Guest(recorder))
    return Student(connection, definitions, answer=exercise.name, seed=seed, asked=asked)


def _run(recorder: Recorder, cells: Sequence[str], seed: int) -> None:
    """Run cells as a notebook does, past errors, but with the shortest passes over data."""
    if str(GUEST_LIBRARY) not in sys.path:
        sys.path.append(str(GUEST_LIBRARY))
    from d2l import _rehearsal, _settings  # noqa: PLC0415  (only cells import the library)

    _settings.configure(seed=seed)
    with _rehearsal.short_passes(lambda: True, steps=1, seconds=1.0):
        for cell, source in enumerate(cells):
            recorder.begin(cell, source)
            recorder.namespace[HOOK] = recorder.statement_done
            with suppress(Exception):
                tree = ast.parse(source)
                StatementReporter().visit(tree)
                exec(compile(tree, f"<cell {cell}>", "exec"), recorder.namespace)
            recorder.end()


def grade_in_process(
    session: CheckSession, exercise: Exercise, answer: Callable[..., Any], **names: Any
) -> list[CheckResult]:
    """Run the checks of an exercise on an answer of this process."""
    return session.run(exercise, student_of(exercise, answer, **names))
