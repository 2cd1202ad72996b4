"""Repeats a check with right parts in place of the student's own.

One fault, one charge: a part that is wrong, raises, hangs or is missing loses points in its own
exercise only. An answer built on it keeps its points if it is right with a right part.

A right part enters the kernel after its own exercise has been judged, and alone: the replacing
definition with the imports it needs.

Here: repeating the check. Not here: the parts themselves, which belong to a course; parts that a
model holds from before the replacement (`models.charged_once`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from grader.errors import (
    BadAnswer,
    CallTimedOut,
    CourseError,
    NameNotDefined,
    OutOfMemory,
    StudentError,
    StudentRaised,
)
from grader.kernel.student import Student

_HELPED = "right parts have helped"
_FAULTS = (AssertionError, StudentRaised, BadAnswer, CallTimedOut, OutOfMemory, NameNotDefined)
Ask = Callable[..., None]


def parts_charged_elsewhere(parts: Path, *names: str) -> Callable[[Ask], Ask]:
    """Make a decorator that excuses a check for errors that the student's parts are charged for.

    Put it below `@given`: each example is repeated separately.

    Args:
        parts: a Python file that defines right ones.
        names: the parts to replace, if the run includes their exercises.

    Raises:
        CourseError: the file does not define one of the names.
    """
    sources = {name: definition_of(name, parts) for name in names}

    def decorate(ask: Ask) -> Ask:
        @wraps(ask)
        def asked(student: Student, *args: Any, **kwargs: Any) -> None:
            def again() -> bool:
                return _passes(lambda: ask(student, *args, **kwargs), student, own)

            own = {name: sources[name] for name in names if student.charged_for(name)}
            # a part that hangs would take its time in each check
            if student.remembered.get(_HELPED) and again():
                return
            try:
                ask(student, *args, **kwargs)
            except _FAULTS:
                if not own or not again():
                    raise
                student.remembered[_HELPED] = True

        return asked

    return decorate


def definition_of(name: str, parts: Path) -> str:
    """Return the Python of one definition of a file, of the imports, and of what it uses.

    Raises:
        CourseError: the file does not define it.
    """
    body = ast.parse(parts.read_text(encoding="utf-8")).body
    defined = {n.name: n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    if name not in defined:
        raise CourseError(f"{parts} defines no {name}.")
    wanted, todo = set[str](), {name}
    while todo:
        wanted |= todo
        used = {n.id for w in todo for n in ast.walk(defined[w]) if isinstance(n, ast.Name)}
        todo = used & defined.keys() - wanted
    kept = [n for n in body if n not in defined.values() or n.name in wanted]  # type: ignore[attr-defined]
    return ast.unparse(ast.Module(kept, []))


def _passes(ask: Callable[[], None], student: Student, parts: dict[str, str]) -> bool:
    try:
        with student.unrecorded(), student.with_parts(parts):
            ask()
    except (AssertionError, StudentError):
        return False
    return True
