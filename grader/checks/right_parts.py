"""Asks a model that fails once more, with right parts in the place of the student's own.

One fault, one charge: a wrong block, or one that raises, loses its points where it is asked for.
The model made of it keeps its own if it is right as soon as the block is.

Here: the second asking. Not here: the parts themselves, which a course brings along; parts that a
model bound before they could be replaced (`models.charged_once`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path

from grader.errors import BadAnswer, CallTimedOut, OutOfMemory, StudentError, StudentRaised
from grader.kernel.student import Student

_HELPED = "right parts have helped"
Ask = Callable[[Student], None]


def parts_charged_elsewhere(parts: Path, *names: str) -> Callable[[Ask], Ask]:
    """Make a decorator that forgives a check what the student's own parts are charged for.

    Args:
        parts: a Python file that defines right ones.
        names: those that stand in, where the notebook defines them and the run asks for them.
    """
    source = parts.read_text(encoding="utf-8")

    def decorate(ask: Ask) -> Ask:
        @wraps(ask)
        def asked(student: Student) -> None:
            own = {name: source for name in names if student.charged_for(name)}
            # a part that hangs would cost its time in each check
            if student.remembered.get(_HELPED) and _passes(ask, student, own):
                return
            try:
                ask(student)
            except (AssertionError, StudentRaised, BadAnswer, CallTimedOut, OutOfMemory):
                if not own or not _passes(ask, student, own):
                    raise
                student.remembered[_HELPED] = True

        return asked

    return decorate


def _passes(ask: Ask, student: Student, parts: dict[str, str]) -> bool:
    try:
        with student.unrecorded(), student.with_parts(parts):
            ask(student)
    except (AssertionError, StudentError):
        return False
    return True
