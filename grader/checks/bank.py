"""The bank of an exercise: right answers written differently, and known mistakes with a name.

A bank is the file `bank.py` beside the checks. Used in two ways: tests prove that every rewrite
passes all checks and that every mistake fails exactly the checks meant for it; and grading compares
a failing function with the mistakes. If one agrees with it on every probe, the feedback names it.

Here: the two decorators and how a bank is loaded. Not here: the comparison (`diagnosis.py`).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from grader.errors import CourseError

T = TypeVar("T", bound=Callable[..., Any])
_ATTRIBUTE = "__grader_bank__"


@dataclass(frozen=True)
class Entry:
    """One known answer. Without a title it is right."""

    name: str
    answer: Callable[..., Any]
    """A function or class under the exercise's name. For an exercise on values: a function without
    arguments that returns the notebook's names and values after the cell, or the sources of its
    cells."""
    title: str = ""
    hint: str = ""
    caught_by: frozenset[str] = frozenset()
    named: bool = True
    """Whether feedback shows its title; False if the checks' messages say the same."""


def rewrite(answer: T) -> T:
    """Mark a right answer, on which all checks pass."""
    setattr(answer, _ATTRIBUTE, Entry(answer.__name__, answer))
    return answer


def mistake(
    title: str, *, hint: str, caught_by: str | tuple[str, ...], named: bool = True
) -> Callable[[T], T]:
    """Mark a wrong answer.

    Args:
        title: what is wrong, as the student reads it: "the kernel is applied flipped".
        hint: what to look at, without giving the answer away.
        caught_by: the checks that must not pass on it, and no others: all that end otherwise than
            `passed`, the skipped ones included.
        named: whether feedback shows the title; False for mistakes that take long to compare.
    """

    def mark(answer: T) -> T:
        names = frozenset((caught_by,) if isinstance(caught_by, str) else caught_by)
        if not names:
            raise CourseError(f"{answer.__name__}: a mistake that no check catches is no mistake.")
        setattr(answer, _ATTRIBUTE, Entry(answer.__name__, answer, title, hint, names, named))
        return answer

    return mark


@dataclass(frozen=True)
class Bank:
    """The known answers of one exercise, in the order of the file."""

    rewrites: tuple[Entry, ...] = ()
    mistakes: tuple[Entry, ...] = ()


def load_bank(path: Path) -> Bank:
    """Read a `bank.py`; a file that does not exist is an empty bank.

    Raises:
        CourseError: the file cannot be imported.
    """
    if not path.exists():
        return Bank()
    name = f"grader_bank_{abs(hash(path.resolve())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CourseError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CourseError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    entries = [
        entry
        for value in vars(module).values()
        if isinstance(entry := getattr(value, _ATTRIBUTE, None), Entry)
    ]
    return Bank(
        rewrites=tuple(entry for entry in entries if not entry.title),
        mistakes=tuple(entry for entry in entries if entry.title),
    )
