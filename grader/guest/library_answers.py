"""Inside the sandbox: takes from the course's library what the asked exercise asks for.

A course's library may hold a right answer to an exercise: a book prints a function, and goes on
with that of its library. Cells and other exercises may use it. While its own exercise is asked, its
code is replaced by an error, in the function itself. So aliases, subclasses, wrappers and `getattr`
all meet that error. The code comes back for the next exercise.

Here: finding such functions and classes, taking their code out and putting it back. Not here:
copies of that code (`library_copies.py`), which exercise is asked (trusted side), which modules are
the library (`environment.py`).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from grader.guest.library_copies import LibraryCopies

_FORWARD = "forward"


class LibraryAnswers:
    """The functions and classes of a course's library, as they were before any student code."""

    def __init__(self, modules: Iterable[types.ModuleType] = ()) -> None:
        self._found: dict[str, list[types.FunctionType | type]] = {}
        self._put_back: list[Callable[[], None]] = []
        listed = list(modules)
        own: list[types.CodeType] = []
        classes: list[type] = []
        names = {module.__name__ for module in listed}
        for module in listed:
            for value in list(vars(module).values()):
                if isinstance(value, types.FunctionType | type) and value.__module__ in names:
                    self._add(value)
                    own += [function.__code__ for function in _functions_of(value)]
                    classes += [value] if isinstance(value, type) else []
        self.copies = LibraryCopies(classes, own)

    def hide(self, patterns: Sequence[str]) -> None:
        """Put back all code, then take out that of the names that match a pattern, in any case."""
        while self._put_back:
            self._put_back.pop()()
        wanted = [pattern.lower() for pattern in patterns if not pattern.startswith("!")]
        hidden = {
            name: values
            for name, values in self._found.items()
            if any(fnmatchcase(name.lower(), pattern) for pattern in wanted)
        }
        self.copies.hide(
            {
                name: [function.__code__ for value in values for function in _functions_of(value)]
                for name, values in hidden.items()
            }
        )
        for name, values in hidden.items():
            for value in values:
                self._take_out(name, value)

    def _add(self, value: types.FunctionType | type) -> None:
        alike = self._found.setdefault(value.__name__, [])
        if value in alike:
            return
        alike.append(value)
        if isinstance(value, type):
            for function in vars(value).values():
                if isinstance(function, types.FunctionType) and not _is_special(function):
                    self._found.setdefault(function.__name__, []).append(function)

    def _take_out(self, name: str, value: types.FunctionType | type) -> None:
        if isinstance(value, types.FunctionType):
            self._refuse(value, name)
            return
        for function in _functions_of(value):
            self._refuse(function, name)
        if _FORWARD not in vars(value) and hasattr(value, _FORWARD):  # inherited
            refuse: Any = types.FunctionType(_error(name), {})
            setattr(value, _FORWARD, refuse)
            self._put_back.append(lambda: delattr(value, _FORWARD))

    def _refuse(self, function: types.FunctionType, name: str) -> None:
        code = function.__code__
        function.__code__ = _error(name).replace(co_freevars=code.co_freevars)
        self._put_back.append(lambda: setattr(function, "__code__", code))


def _functions_of(value: types.FunctionType | type) -> list[types.FunctionType]:
    if isinstance(value, types.FunctionType):
        return [value]
    return [f for f in vars(value).values() if isinstance(f, types.FunctionType)]


def _is_special(function: types.FunctionType) -> bool:
    return function.__name__.startswith("_") or function.__name__ == _FORWARD


def _error(name: str) -> types.CodeType:
    """Return the code of a function that takes any arguments and raises."""
    said = (
        f"this exercise asks for your own {name}; that of the course's library can be used in the "
        "other exercises"
    )
    made: dict[str, Any] = {}
    exec(f"def refused(*args, **named):\n    raise RuntimeError({said!r})", made)
    code: types.CodeType = made["refused"].__code__
    return code
