"""Runs checks on functions of this process: for the tests of a course, and the self-check.

The answers are trusted, so no sandbox is needed. Guest, wire format and checks are those of
grading. Never used on untrusted code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from grader.course import Course, Exercise, load_course
from grader.grading.course_modules import CourseModules
from grader.grading.pooling import merit
from grader.grading.right_parts import SecondChances
from grader.guest import environment, magic_results, magics, training_settings
from grader.guest.recorder import HOOK, Recorder, StatementReporter
from grader.guest.server import Guest
from grader.guest.short_passes import short_passes
from grader.kernel.connection import LocalConnection
from grader.kernel.observations import Captured
from grader.kernel.student import Student
from grader.records import DEFAULT_SEED, CheckResult
from grader.sandbox.policy import GUEST_LIBRARY
from grader.wire.torch_internals import leave_compiler_out


class Session(Protocol):
    """What runs the checks of an exercise: a `CheckSession`, which itself asks right answers."""

    def run(self, exercise: Exercise, student: object) -> list[CheckResult]:
        """Run the checks on a student."""


def student_of(
    exercise: Exercise, answer: Callable[..., Any], *, seed: int = DEFAULT_SEED, **names: Any
) -> Student:
    """Build a student whose answers come from this process.

    Args:
        exercise: what the answer is for.
        answer: the function or class to be judged; for an exercise on values, a function without
            arguments that returns the names and values its cell binds, in order, or the sources
            of a notebook's cells.
        seed: of random numbers and of drawn data.
        names: what else the notebook defines.
    """
    recorder = Recorder({})
    recorder.begin(0, "")
    course = _course_of(exercise.folder)
    bound: Any = {exercise.name: answer}
    if exercise.kind == "values":
        with CourseModules(course).active():
            bound = answer()
    if isinstance(bound, tuple):
        _run(recorder, bound, course, seed)
        bound = {}
    for name, value in {**names, **bound}.items():
        recorder.namespace[name] = value
        recorder.statement_done((name,))
    return _student(recorder, exercise, seed)


def student_of_cells(
    exercise: Exercise,
    *cells: str,
    seed: int = DEFAULT_SEED,
    parts: Mapping[str, str] | None = None,
) -> Student:
    """Build a student of this process from the cells of a notebook, with right parts if given."""
    recorder = Recorder({})
    recorder.use_parts(dict(parts or {}))
    _run(recorder, cells, _course_of(exercise.folder), seed)
    return _student(recorder, exercise, seed)


def _student(recorder: Recorder, exercise: Exercise, seed: int) -> Student:
    leave_compiler_out()
    definitions = {
        d.name: Captured(d.number, d.name, d.cell, d.kind, imported=False)
        for d in recorder.definitions
    }
    connection = LocalConnection(Guest(recorder))
    models = _course_of(exercise.folder).models
    return Student(connection, definitions, answer=exercise.name, seed=seed, models=models)


@lru_cache(maxsize=64)
def _course_of(folder: Path) -> Course:
    return load_course(folder)


def _run(recorder: Recorder, cells: Sequence[str], course: Course, seed: int) -> None:
    """Run cells like a notebook, past errors, with the shortest passes over data."""
    training_settings.configure(seed=seed)
    magic_results.install()
    with ExitStack() as stack:
        stack.enter_context(CourseModules(course).active(environment=True))
        sys.path.append(str(GUEST_LIBRARY))
        environment.use(course.environment.setup).configure()
        stack.enter_context(short_passes(lambda: True, steps=1, seconds=1.0))
        for cell, text in enumerate(cells):
            source = "".join(magics.unwrapped(text.splitlines(keepends=True)))
            recorder.begin(cell, source)
            recorder.namespace[HOOK] = recorder.statement_done
            with suppress(Exception):
                tree = ast.parse(source)
                StatementReporter().visit(tree)
                exec(compile(tree, f"<cell {cell}>", "exec"), recorder.namespace)
            recorder.end()


def grade_in_process(
    session: Session, exercise: Exercise, answer: Callable[..., Any], **names: Any
) -> list[CheckResult]:
    """Run the checks of an exercise on an answer of this process."""
    return session.run(exercise, student_of(exercise, answer, **names))


def grade_cells_in_process(
    session: Session, exercises: Sequence[Exercise], parts: Mapping[str, str], *cells: str
) -> dict[str, list[CheckResult]]:
    """Run the checks of exercises on the cells of a notebook, wrong parts charged once."""
    found = {e.name: session.run(e, student_of_cells(e, *cells)) for e in exercises}
    chances = SecondChances(exercises, parts, cells)
    while again := chances.next(found):
        for e in again.exercises:
            checks = session.run(e, student_of_cells(e, *cells, parts=again.parts))
            found[e.name] = max(checks, found[e.name], key=merit)
    return found
