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


class Unknown:
    """An argument of a call that is not written as a plain value."""


UNKNOWN = Unknown()


def make(student: Student, name: str, *ways: Sequence[object], **options: object) -> Handle:
    """Call a class or factory in the first of several ways that its signature accepts.

    Args:
        student: the notebook.
        name: the class or function.
        ways: positional arguments, the current edition's first: `(6,)`, then `(3, 6)`.
        options: keyword arguments, for each of the ways; where their names differ, they follow
            the others by position.

    A constructor that needs more arguments gets those of the notebook's own calls. Where the name
    answers with one model, a copy is made.

    Raises:
        StudentError: what the first way raised, where all raised a TypeError; or another error.
        BadAnswer: no module came back.
    """

    def called(*args: object, **named: object) -> Handle:
        return expect_module(student.make(name, *args, **named), call=name)

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
    """Yield arguments: the ways given, then with the notebook's own, then options by position."""
    given = ways or ((),)
    yield from ((tuple(way), options) for way in given)
    own = calls_of(student.own_name(name), student.sources().values())
    filled = [call for way in given for call in _filled(own, way)]
    yield from ((args, {**named, **options}) for args, named in filled)
    if options:
        yield from (((*way, *options.values()), {}) for way in given)
        for args, named in filled:
            yield (*args[: len(args) - len(options)], *options.values()), named


def _filled(calls: Sequence[Way], way: Sequence[object]) -> Iterator[Way]:
    """Yield the notebook's calls with a way's values as their first arguments.

    The notebook's own values do not show a requested architecture. A call with another argument
    that is not known cannot be repeated.
    """
    for args, named in calls:
        by_name = list(named.items())[max(0, len(way) - len(args)) :]
        rest = (*way, *args[len(way) :])
        if UNKNOWN not in (*rest, *(value for _, value in by_name)):
            yield rest, dict(by_name)


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
    """Return the arguments of calls by name: plain values, names of them, or `UNKNOWN`."""
    found: list[Way] = []
    values: dict[str, object] = {}
    for source in sources:
        tree = parse_python(source)
        for node in ast.walk(tree) if tree is not None else ():
            match node:
                case ast.Assign(targets=[ast.Name(id=bound)], value=value):
                    values[bound] = _plain(value, {})
                case ast.Call(func=ast.Name(id=called), args=args, keywords=keywords) if (
                    called == name and len(found) < _MOST_CALLS
                ):
                    named = {k.arg: _plain(k.value, values) for k in keywords if k.arg}
                    if not any(isinstance(one, ast.Starred) for one in args):
                        found.append((tuple(_plain(one, values) for one in args), named))
    return found


def _plain(node: ast.expr, values: dict[str, object]) -> object:
    """Return the value that is written, or that a name was given last; else `UNKNOWN`."""
    if isinstance(node, ast.Name):
        return values.get(node.id, UNKNOWN)
    with suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(node)
    return UNKNOWN


def expect_module(got: object, *, call: str) -> Handle:
    """Return `got` where it is a module of the student.

    Raises:
        BadAnswer: it is something else.
    """
    if isinstance(got, Handle) and got.is_module:
        return got
    raise BadAnswer(call, describe(got), "a module")
