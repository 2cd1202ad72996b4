"""Makes a student's model: with either edition's signature, or as the notebook itself does.

Here: the ways to call a class or factory. Not here: comparing what was made (`models.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from grader.checks.weights import Shape
from grader.errors import BadAnswer, StudentRaised
from grader.kernel.describe import describe
from grader.kernel.handle import Handle
from grader.kernel.observations import Outline
from grader.kernel.student import Student
from grader.text import parse_python

T = TypeVar("T")
Way = tuple[tuple[object, ...], dict[str, object]]
_MOST_CALLS = 4


def make(student: Student, name: str, *ways: Sequence[object], **options: object) -> Handle:
    """Call a class or factory in the first of several ways that its signature accepts.

    Args:
        student: the notebook.
        name: the class or function.
        ways: positional arguments, the current edition's first: `(6,)`, then `(3, 6)`.
        options: keyword arguments, for each of the ways; where their names differ, they follow
            the others by position.

    A constructor that needs arguments is called as the notebook's own cells call it.

    Raises:
        StudentError: what the first way raised, where all raised a TypeError; or another error.
        BadAnswer: no module came back.
    """

    def called(*args: object, **named: object) -> Handle:
        return expect_module(student.call(name, *args, **named).value, call=name)

    return _in_some_way(called, _ways(student, name, ways, options))


def outlined(student: Student, name: str, shape: Shape, *way: object, **options: object) -> Outline:
    """Return the shapes of a model, made in the way given or as the notebook itself makes it.

    Raises:
        StudentError: what the way given raised, where every way raised a TypeError.
    """

    def called(*args: object, **named: object) -> Outline:
        return student.outline(name, shape, *args, **named)

    return _in_some_way(called, _ways(student, name, [way], options))


def _ways(
    student: Student, name: str, ways: Sequence[Sequence[object]], options: dict[str, object]
) -> Iterator[Way]:
    """Yield arguments: the ways given, then the notebook's own calls, then options by position."""
    given = ways or ((),)
    # the notebook's own arguments do not show a requested architecture
    own = [] if any(ways) else calls_of(name, student.sources().values())
    yield from ((tuple(way), options) for way in given)
    yield from ((args, {**named, **options}) for args, named in own)
    if options:
        yield from (((*way, *options.values()), {}) for way in given)
        for args, named in own:
            yield (*args[: len(args) - len(options)], *options.values()), named


def _in_some_way(called: Callable[..., T], ways: Iterator[Way]) -> T:
    """Return the result of the first way that raises no TypeError."""
    first: StudentRaised | None = None
    for args, named in ways:
        try:
            return called(*args, **named)
        except StudentRaised as error:
            if error.kind != "TypeError":
                raise first or error from None
            first = first or error
    assert first is not None, "there is at least one way"
    raise first


def calls_of(name: str, sources: Iterable[str]) -> list[Way]:
    """Return the arguments of calls whose arguments are all written as plain values."""
    found: list[Way] = []
    for source in sources:
        tree = parse_python(source)
        for node in ast.walk(tree) if tree is not None else ():
            match node:
                case ast.Call(func=ast.Name(id=called), args=args, keywords=keywords) if (
                    called == name and len(found) < _MOST_CALLS
                ):
                    with suppress(ValueError, TypeError, RecursionError, MemoryError):
                        named = {k.arg: ast.literal_eval(k.value) for k in keywords if k.arg}
                        found.append((tuple(map(ast.literal_eval, args)), named))
    return found


def expect_module(got: object, *, call: str) -> Handle:
    """Return `got` where it is a module of the student.

    Raises:
        BadAnswer: it is something else.
    """
    if isinstance(got, Handle) and got.is_module:
        return got
    raise BadAnswer(call, describe(got), "a module")
