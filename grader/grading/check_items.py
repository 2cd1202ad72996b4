"""Checks as pytest collects them: its options, errors, order, marks and claims.

Not here: running them (`check_session.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from grader import errors
from grader.checks.decorator import Check, check_of
from grader.course import Exercise

QUIET = ["--disable-plugin-autoload", "--import-mode=importlib", "--capture=no"]
QUIET += [
    f"-pno:{plugin}"
    for plugin in (
        # `exercises/conftest.py` asks for it, for people; here the session brings its own
        "grader.pytest_plugin",
        *("cacheprovider", "warnings", "terminal", "faulthandler", "junitxml", "doctest"),
        *("unittest", "pastebin", "setuponly", "stepwise", "debugging", "logging"),
        *("threadexception", "unraisableexception"),
    )
]
"""Options of pytest: no terminal, and no plugin that checks do not need."""


class CollectionErrors:
    """Turns the first error of the collection into a `CourseError` that names the file."""

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]
    ) -> None:
        """Raise what went wrong with a file of checks; errors of a check are its verdict."""
        if isinstance(node, pytest.Item) or call.excinfo is None:
            return
        error = call.excinfo.value
        if isinstance(error, errors.CourseError):
            raise errors.CourseError(f"{node.path}: {error}") from error
        # pytest wraps what an import raised in a text with a traceback
        cause = error.__cause__ or error
        raise errors.CourseError(
            f"{node.path} cannot be imported: {type(cause).__name__}: {cause}"
        ) from error


def by_exercise(
    exercises: Sequence[Exercise], items: Sequence[Any]
) -> dict[str, list[pytest.Function]]:
    """Return the checks of exercises, by the exercise's name, in the order of their file.

    Raises:
        CourseError: an exercise has none, or a check needs one that is not before it.
    """
    found: dict[str, list[pytest.Function]] = {e.name: [] for e in exercises}
    by_folder = {exercise.folder: exercise.name for exercise in exercises}
    for item in items:
        if check_of(item.obj) is None:
            raise errors.CourseError(f"{item.nodeid} is no check: put @check above it.")
        folder = next(parent for parent in item.path.parents if parent in by_folder)
        found[by_folder[folder]].append(item)
    for name, checks in found.items():
        if not checks:
            raise errors.CourseError(f"the exercise {name} has no checks.")
        seen: set[str] = set()
        for item in checks:
            unknown = set(mark_of(item).needs) - seen
            if unknown:
                raise errors.CourseError(
                    f"{name}: {item.name} needs {', '.join(sorted(unknown))}, "
                    "which is no check before it."
                )
            seen.add(item.name)
    return found


def mark_of(item: pytest.Function) -> Check:
    """Return the mark of a check."""
    mark = check_of(item.obj)
    assert mark is not None, "only checks are kept"
    return mark


def claim_of(item: pytest.Function) -> str:
    """Return what a check claims, on one line."""
    return " ".join((item.obj.__doc__ or "").split())
